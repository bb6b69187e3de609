"""
Nothing is silently useless: an op that keeps less than 20 dB of its signal has been warned of.

Kinds rather than cases: functions of the registry, units, element types, ranges, widths and given
scales, drawn by hypothesis. What an op keeps is measured here, in double precision and against
PyTorch's own functions, not read off the op.
"""

from __future__ import annotations

import io
import math
from contextlib import redirect_stderr
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from xdsl.utils.exceptions import PassFailedException

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")

from lut_opt.dialects.assembly import context, parse  # noqa: E402
from lut_opt.dialects.pwl import ApplyOp, UnitOp  # noqa: E402
from lut_opt.dialects.pwl.functions import FUNCTIONS  # noqa: E402
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass  # noqa: E402
from lut_opt.passes.pwl_search import PwlSearchPass  # noqa: E402

Reals = NDArray[np.float64]

LEAST = 20.0
"""Decibels below which there has to be a warning; the pass measures over samples of its own."""

BOUNDED = settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

MAGNITUDES = st.floats(-3.0, 3.0).map(lambda e: round(10.0**e, 4))
ELEMENTS = st.sampled_from(["f16", "bf16", "f32", "f64"])


def names() -> list[str]:
    """Torch's functions of one tensor that become one table, from the registry."""
    x = torch.tensor([0.5], dtype=torch.float64)
    found: list[str] = []
    for name in sorted(FUNCTIONS.operators("torch.aten")):
        try:
            getattr(torch.ops.aten, name)(x)
        except (AttributeError, RuntimeError, TypeError):
            continue
        found.append(name)
    # What is periodic is given turns, and what is a small power becomes products.
    return [name for name in found if name not in ("sin", "cos", "square")]


NAMES = names()


def decibels(given: Reals, wanted: Reals) -> float:
    """Signal over noise."""
    noise = float(np.mean(np.square(given - wanted)))
    return 10 * math.log10(float(np.mean(np.square(wanted))) / noise) if noise else math.inf


@dataclass(frozen=True)
class Recipe:
    """Options of the passes; None: the default."""

    input_bits: int | None
    output_bits: int | None
    entries: int


RECIPES = st.builds(
    Recipe,
    st.sampled_from([None, 16, 8, 4]),
    st.sampled_from([None, 8, 3]),
    st.sampled_from([2, 4]),
)


def compiled(text: str, recipe: Recipe) -> tuple[list[Any], bool]:
    """The `pwl` ops of a program after lowering and search, and whether anything was said."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            module = parse(text, "m.mlir", context()).module
            LowerNonlinearToPwlPass(
                input_bits=recipe.input_bits, output_bits=recipe.output_bits
            ).apply(context(), module)
            PwlSearchPass(entries=recipe.entries).apply(context(), module)
    except PassFailedException:
        return [], True
    module.verify()
    ops = [op for op in module.walk() if isinstance(op, ApplyOp | UnitOp)]
    return ops, "warning: [pwl-search]" in said.getvalue()


@st.composite
def intervals(draw: st.DrawFn) -> tuple[float, float]:
    """Around zero, on one side of it, or far from it in relation to their length."""
    low, length = draw(MAGNITUDES), draw(MAGNITUDES)
    low *= draw(st.sampled_from([-1.0, 0.0, 1.0]))
    return low, low + length


@BOUNDED
@given(name=st.sampled_from(NAMES), interval=intervals(), element=ELEMENTS, recipe=RECIPES)
def test_functions(name: str, interval: tuple[float, float], element: str, recipe: Recipe) -> None:
    x: Reals = np.linspace(interval[0], interval[1], 4001, dtype=np.float64)
    y = getattr(torch.ops.aten, name)(torch.from_numpy(x)).numpy()
    assume(np.isfinite(y).all() and 0 < float(np.max(np.abs(y))) < 1e30)
    kind = f"!torch.vtensor<[4],{element}>"
    low, high = (f"{bound:.17e}" for bound in interval)
    ops, warned = compiled(
        f"""func.func @f(%x: {kind}) -> {kind} {{
          %y = torch.aten.{name} %x {{pwl.range = [{low}, {high}]}} : {kind} -> {kind}
          func.return %y : {kind}
        }}""",
        recipe,
    )
    for op in ops:
        q = op.input_quantization.quantize(x)
        stored = (
            op.reduced().evaluate(q)
            if op.reduce
            else op.table.data.evaluate(q, op.result_quantization)
        )
        kept = decibels(op.result_quantization.dequantize(stored), y)
        assert kept >= LEAST or warned, f"{name} over {interval}: {kept:.1f} dB, not a word"


def row_op(op: str, attributes: str, shape: tuple[int, int], element: str) -> str:
    """A function of one operator on rows along its last axis."""
    kind = f"!torch.vtensor<[{shape[0]},{shape[1]}],{element}>"
    arguments = {
        "softmax.int": "%last, %none : {0}, !torch.int, !torch.none",
        "log_softmax.int": "%last, %none : {0}, !torch.int, !torch.none",
        "layer_norm": "%row, %none, %none, %eps, %false : {0}, !torch.list<int>, !torch.none, "
        "!torch.none, !torch.float, !torch.bool",
        "rms_norm": "%row, %none, %eps : {0}, !torch.list<int>, !torch.none, !torch.float",
    }
    given, types = arguments[op].format(kind).split(" : ")
    return f"""func.func @f(%x: {kind}) -> {kind} {{
      %last = torch.constant.int -1
      %none = torch.constant.none
      %false = torch.constant.bool false
      %eps = torch.constant.float 1.0e-05
      %n = torch.constant.int {shape[1]}
      %row = torch.prim.ListConstruct %n : (!torch.int) -> !torch.list<int>
      %y = torch.aten.{op} %x, {given} {attributes} : {types} -> {kind}
      func.return %y : {kind}
    }}"""


def check_unit(text: str, recipe: Recipe, x: Reals, *parameters: Reals, wanted: Reals) -> None:
    """Compile, give the unit reals, and compare: rows lie along the last axis."""
    ops, warned = compiled(text, recipe)
    for op in ops:
        unit = op.unit()
        kinds = (unit.operand, *unit.parameters.values())
        stored = [k.quantize(v) for k, v in zip(kinds, (x, *parameters), strict=True)]
        kept = decibels(unit.result.dequantize(unit.evaluate(*stored)), wanted)
        assert kept >= LEAST or warned, f"{op}: {kept:.1f} dB, not a word"


@BOUNDED
@given(
    op=st.sampled_from(["softmax.int", "log_softmax.int"]),
    reach=MAGNITUDES,
    top=st.sampled_from([-1000.0, 0.0, 3.0, 200.0, 30000.0]),
    length=st.integers(1, 300),
    element=ELEMENTS,
    recipe=RECIPES,
)
def test_softmax(
    op: str, reach: float, top: float, length: int, element: str, recipe: Recipe
) -> None:
    rng = np.random.default_rng(length)
    d = -reach * rng.random((64, length))
    d[:, 0] = 0.0
    x = d + top + reach * rng.random((64, 1))
    low, high = top - reach, top + reach
    attributes = f"{{pwl.range = [{-reach:e}, 0.0], pwl.range_raw = [{low:.17e}, {high:.17e}]}}"
    y = np.exp(d) / np.exp(d).sum(-1, keepdims=True)
    wanted = y if op == "softmax.int" else np.log(y)
    assume(wanted.any())
    check_unit(row_op(op, attributes, x.shape, element), recipe, x, wanted=wanted)


@BOUNDED
@given(
    op=st.sampled_from(["layer_norm", "rms_norm"]),
    size=MAGNITUDES,
    spread=st.sampled_from([0.0, 1.0, 3.0, 5.0]),
    middle=st.sampled_from([0.0, 1.0, 30.0]),
    length=st.integers(2, 300),
    element=ELEMENTS,
    recipe=RECIPES,
)
def test_norms(
    op: str, size: float, spread: float, middle: float, length: int, element: str, recipe: Recipe
) -> None:
    rng = np.random.default_rng(length)
    x = rng.standard_normal((64, length)) * size * 10 ** (-spread * rng.random((64, 1)))
    x += middle * size if op == "layer_norm" else 0.0
    c = x - x.mean(-1, keepdims=True) if op == "layer_norm" else x
    mean_squares = np.square(c).mean(-1, keepdims=True)
    y = c / np.sqrt(mean_squares + 1e-5)
    sizes = np.quantile(np.sqrt(mean_squares), np.linspace(0, 1, 17))
    listed = ", ".join(f"{each:.17e}" for each in sizes)
    quantiles = ", ".join(f"{each:.17e}" for each in np.quantile(x, np.linspace(0, 1, 129)))
    attributes = (
        f"{{pwl.range = [{x.min():.17e}, {x.max():.17e}], "
        f"pwl.range_result = [{y.min():.17e}, {y.max():.17e}], "
        f"pwl.quantiles = dense<[{quantiles}]> : tensor<129xf64>, "
        f"pwl.row_sizes = dense<[{listed}]> : tensor<17xf64>}}"
    )
    check_unit(row_op(op, attributes, x.shape, element), recipe, x, wanted=y)


@BOUNDED
@given(
    bottom=intervals(), top=MAGNITUDES, one_sided=st.booleans(), element=ELEMENTS, recipe=RECIPES
)
def test_divisions(
    bottom: tuple[float, float], top: float, one_sided: bool, element: str, recipe: Recipe
) -> None:
    rng = np.random.default_rng(0)
    a = rng.uniform(0.0 if one_sided else -top, top, (4096, 1))
    b = rng.uniform(*bottom, (4096, 1))
    assume(np.abs(b).min() > 1e-4 * np.abs(b).max())
    y = a / b
    kind = f"!torch.vtensor<[4],{element}>"
    check_unit(
        f"""func.func @f(%a: {kind}, %b: {kind}) -> {kind} {{
          %y = torch.aten.div.Tensor %a, %b {{pwl.range = [{bottom[0]:e}, {bottom[1]:e}],
            pwl.range_numerator = [{a.min():.17e}, {a.max():.17e}],
            pwl.range_result = [{y.min():.17e}, {y.max():.17e}]}} : {kind}, {kind} -> {kind}
          func.return %y : {kind}
        }}""",
        recipe,
        a,
        b,
        wanted=y,
    )


@BOUNDED
@given(
    op=st.sampled_from(["softmax.int", "log_softmax.int", "layer_norm", "rms_norm"]),
    bits=st.sampled_from([8, 16]),
    signed=st.booleans(),
    reach=MAGNITUDES,
    length=st.integers(2, 300),
    recipe=RECIPES,
)
def test_given_scales(
    op: str, bits: int, signed: bool, reach: float, length: int, recipe: Recipe
) -> None:
    """As a quantizer gives them: any scale, no range, all that is stored counts."""
    rng = np.random.default_rng(length)
    scale, storage = reach / 2**bits, f"{'i' if signed else 'u'}{bits}"
    low = -(2 ** (bits - 1)) if signed else 0
    q = rng.integers(low, low + 2**bits, (64, length))
    text = row_op(op, "", q.shape, "f32").replace("func.func @f(%x: ", "func.func @f(%x0: ")
    whole = f"tensor<64x{length}x!quant.uniform<{storage}:f32, {scale:.9e}>>"
    float_type = f"tensor<64x{length}xf32>"
    text = text.replace(f"(%x0: !torch.vtensor<[64,{length}],f32>)", f"(%q: {whole})").replace(
        "%last =",
        f"%r = quant.dcast %q : {whole} to {float_type}\n      %x = torch_c.from_builtin_tensor "
        f"%r : {float_type} -> !torch.vtensor<[64,{length}],f32>\n      %last =",
        1,
    )
    x = q * scale
    c = x - x.mean(-1, keepdims=True)
    d = x - x.max(-1, keepdims=True)
    wanted = {
        "softmax.int": np.exp(d) / np.exp(d).sum(-1, keepdims=True),
        "log_softmax.int": d - np.log(np.exp(d).sum(-1, keepdims=True)),
        "layer_norm": c / np.sqrt(np.square(c).mean(-1, keepdims=True) + 1e-5),
        "rms_norm": x / np.sqrt(np.square(x).mean(-1, keepdims=True) + 1e-5),
    }[op]
    check_unit(text, recipe, x, wanted=wanted)
