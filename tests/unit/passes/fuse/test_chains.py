"""Chains: the function that stands for one is the one that its ops compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.dialects.func import FuncOp

from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp, NamedFunction
from lut_opt.dialects.pwl.function_body import FunctionBody, real_function
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Reals
from lut_opt.passes.fuse.chains import MOST_OPS
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

KIND = "!torch.vtensor<[4],f32>"

X = np.linspace(-6.0, 6.0, 193)


@dataclass(frozen=True)
class Op:
    """A line of torch IR with holes for its tensors, and what NumPy makes of them."""

    text: str
    compute: Callable[..., Reals]
    inputs: int = 1


def torch_op(name: str, constants: tuple[float, ...], compute: Callable[..., Reals]) -> Op:
    made = "".join(f"torch.constant.float {c:e}\n" for c in constants)
    return Op(f"{name}|{made}", compute)


def sigmoid(x: Reals) -> Reals:
    return 1.0 / (1.0 + np.exp(-x))


UNARY = (
    torch_op("tanh", (), np.tanh),
    torch_op("sigmoid", (), sigmoid),
    torch_op("erf", (), FUNCTIONS["erf"].evaluate),
    torch_op("silu", (), lambda x: x * sigmoid(x)),
    torch_op("hardswish", (), lambda x: x * np.clip(x + 3, 0, 6) / 6),
    torch_op("neg", (), np.negative),
    torch_op("abs", (), np.abs),
    torch_op("relu", (), lambda x: np.maximum(x, 0)),
    torch_op("relu6", (), lambda x: np.clip(x, 0, 6)),
    torch_op("square", (), np.square),
    torch_op("mul.Scalar", (0.75,), lambda x: x * 0.75),
    torch_op("div.Scalar", (-4.0,), lambda x: x / -4),
    torch_op("add.Scalar", (1.5, 2.0), lambda x: x + 3),
    torch_op("sub.Scalar", (0.5, -1.0), lambda x: x + 0.5),
    torch_op("rsub.Scalar", (2.0, 0.5), lambda x: 2 - 0.5 * x),
    torch_op("clamp", (-1.5, 2.5), lambda x: np.clip(x, -1.5, 2.5)),
    torch_op("clamp_min", (-0.5,), lambda x: np.maximum(x, -0.5)),
    torch_op("leaky_relu", (0.125,), lambda x: np.where(x > 0, x, x / 8)),
    torch_op("softplus", (1.0, 20.0), lambda x: np.logaddexp(0, x)),
)
BINARY = (
    Op("add.Tensor|torch.constant.float 5.0e-01\n", lambda x, y: x + y / 2, 2),
    Op("sub.Tensor|torch.constant.float 2.0e+00\n", lambda x, y: x - 2 * y, 2),
    Op("mul.Tensor|", lambda x, y: x * y, 2),
    Op("maximum|", np.maximum, 2),
    Op("minimum|", np.minimum, 2),
)


@dataclass(frozen=True)
class Recipe:
    """A chain: each op takes earlier values by number, the latest among them; 0 is the input."""

    ops: tuple[tuple[Op, tuple[int, ...]], ...]

    def text(self) -> str:
        lines = [f"func.func @chain(%v0: {KIND}) -> {KIND} {{"]
        for number, (op, inputs) in enumerate(self.ops, 1):
            name, _, constants = op.text.partition("|")
            names = [f"%v{i}" for i in inputs]
            types = [KIND] * len(inputs)
            for i, constant in enumerate(constants.splitlines()):
                lines.append(f"%c{number}_{i} = {constant}")
                names.append(f"%c{number}_{i}")
                types.append("!torch.float")
            operands = f"{', '.join(names)} : {', '.join(types)}"
            lines.append(f"%v{number} = torch.aten.{name} {operands} -> {KIND}")
        return "\n".join([*lines, f"func.return %v{len(self.ops)} : {KIND}", "}"])

    def compute(self, x: Reals) -> Reals:
        values = [x]
        for op, inputs in self.ops:
            values.append(op.compute(*(values[i] for i in inputs)))
        return values[-1]


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Chains of two to eight ops, all of whose results are used, that begin with a tanh."""
    ops: list[tuple[Op, tuple[int, ...]]] = [(UNARY[0], (0,))]
    for number in range(2, draw(st.integers(2, 8)) + 1):
        if draw(st.booleans()):
            ops.append((draw(st.sampled_from(UNARY)), (number - 1,)))
        else:
            other = draw(st.integers(0, number - 1))
            order = draw(st.permutations((number - 1, other)))
            ops.append((draw(st.sampled_from(BINARY)), tuple(order)))
    return Recipe(tuple(ops))


def lowered(text: str, **options: float) -> tuple[Program, list[ApplyOp]]:
    program = parse(text, "chain.mlir", context())
    LowerNonlinearToPwlPass(**options).apply(Context(), program.module)  # pyright: ignore
    program.module.verify()
    return program, [op for op in program.module.walk() if isinstance(op, ApplyOp)]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(recipes())
def test_a_chain_is_one_function_and_the_right_one(recipe: Recipe) -> None:
    program, (apply,) = lowered(recipe.text(), input_scale=2.0**-5)
    assert not [op.name for op in program.module.walk() if op.name.startswith("torch.aten")]
    fused = apply.attributes["pwl.fused"]
    assert len(list(fused)) == len(recipe.ops)  # pyright: ignore
    wanted = recipe.compute(X)
    # Constants of the recipes are exact in float32, so only rounding of doubles is left …
    tolerance = 1e-12
    # … unless the body was taken for a function of the registry.
    if not isinstance(apply.function, SymbolRefAttr):
        tolerance = 2.0**-20
    np.testing.assert_allclose(real_function(apply)(X), wanted, rtol=tolerance, atol=tolerance)


MISH = Recipe(
    (
        (UNARY[-1], (0,)),
        (UNARY[0], (1,)),
        (BINARY[2], (0, 2)),
    )
)


def test_the_table_is_as_good_as_its_certificate_says() -> None:
    """Searched and applied, against NumPy's own value of the composed function."""
    recipe = Recipe(((UNARY[3], (0,)), (UNARY[10], (1,)), (UNARY[12], (2,))))
    program, (apply,) = lowered(recipe.text(), input_scale=2.0**-5)
    for step in (PwlSearchPass(entries=8), VerifyPwlPass()):
        step.apply(Context(), program.module)
    assert apply.table is not None
    assert apply.fit is not None
    operand, result = apply.input_quantization, apply.result_quantization
    q = operand.values
    wanted = result.clip(recipe.compute(operand.dequantize(q))) / result.scale
    error = np.max(np.abs(apply.table.data.evaluate(q, result) - wanted))
    assert error <= apply.fit.data.max_error + 1e-9
    assert apply.fit.data.max_error < 2.0


def test_the_kinds_of_gelu_are_told_apart() -> None:
    """Far beyond the tolerance: 2^-11 against 2^-21."""
    x = np.linspace(-6, 6, 1001)
    gap = np.max(np.abs(NamedFunction("gelu")(x) - NamedFunction("gelu_tanh")(x)))
    assert gap > 2.0**-12


def function(name: str, body: str) -> FunctionBody:
    text = f"func.func @{name}(%x: f32) -> f32 {{\n{body}\n}}"
    module = parse(text, "f.mlir", context()).module
    op = module.body.block.first_op
    assert isinstance(op, FuncOp)
    return FunctionBody(op)


TANH_MINUS = "%0 = math.tanh %x : f32\n%1 = arith.subf %0, %x : f32\nfunc.return %1 : f32"


def test_bodies_are_equal_by_what_they_compute() -> None:
    first, second = function("f", TANH_MINUS), function("g", TANH_MINUS.replace("%0", "%t"))
    assert first == second
    assert hash(first) == hash(second)
    assert first != function("f", TANH_MINUS.replace("subf", "addf"))
    assert first != function("f", TANH_MINUS.replace("%0, %x", "%x, %0"))
    constant = "%0 = arith.constant {} : f32\nfunc.return %0 : f32"
    assert function("f", constant.format("1.0")) != function("f", constant.format("2.0"))


def test_equal_functions_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what they compute, whatever they are called."""
    kind = "!quant.uniform<i8:f32, 6.250000e-02>"
    text = "".join(
        f"func.func @use_{name}(%x: {kind}) -> {kind} {{\n"
        f"%0 = pwl.apply @{name} %x : {kind} -> {kind}\nfunc.return %0 : {kind}\n}}\n"
        f"func.func @{name}(%x: f32) -> f32 {{\n{TANH_MINUS}\n}}\n"
        for name in ("f", "g")
    )
    module = parse(text, "f.mlir", context()).module
    from lut_opt.passes.search import Form
    from lut_opt.passes.tabulate import table_search
    from lut_opt.passes.tabulate.table import Posed, Wanted

    solved: list[str] = []
    solve = table_search.solve

    def counted(form: Form, pose: Callable[[Form], Posed], wanted: Wanted) -> object:
        solved.append(wanted.function.name)
        return solve(form, pose, wanted)

    monkeypatch.setattr(table_search, "solve", counted)
    PwlSearchPass().apply(Context(), module)
    assert solved == ["f"]
    tables = {op.table for op in module.walk() if isinstance(op, ApplyOp)}
    assert len(tables) == 1


def test_private_bodies_go_when_nothing_names_them_any_more() -> None:
    from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass

    recipe = Recipe(((UNARY[0], (0,)), (UNARY[10], (1,))))
    program, _ = lowered(recipe.text(), input_scale=2.0**-5)
    assert symbols(program.module) == ["chain", "fused_tanh"]
    for step in (PwlSearchPass(), ConvertPwlToArithPass()):
        step.apply(Context(), program.module)
    assert symbols(program.module) == ["chain"]


def symbols(module: ModuleOp) -> list[str]:
    return [op.sym_name.data for op in module.ops if isinstance(op, FuncOp)]


def test_names_of_compositions_are_found() -> None:
    _, (apply,) = lowered(MISH.text(), input_scale=2.0**-5)
    assert real_function(apply) == NamedFunction("mish")


def chained(count: int) -> str:
    ranged = "{pwl.range = [-4.0, 4.0]} : tensor<8xf32>"
    lines = "".join(f"%x{i + 1} = math.tanh %x{i} {ranged}\n" for i in range(count))
    kind = "tensor<8xf32>"
    return f"func.func @f(%x0: {kind}) -> {kind} {{\n{lines}func.return %x{count} : {kind}\n}}"


def test_a_chain_holds_a_bounded_number_of_ops() -> None:
    # Before there was a bound, and lists of ops were made when asked for, this took minutes.
    ctx = context()
    module = parse(chained(MOST_OPS + 88), "chain.mlir", ctx).module
    LowerNonlinearToPwlPass().apply(ctx, module)
    tables = [op for op in module.walk() if isinstance(op, ApplyOp)]
    assert [len(op.attributes["pwl.fused"]) for op in tables] == [88, MOST_OPS]
