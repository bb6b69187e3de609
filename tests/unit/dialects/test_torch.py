"""The torch dialects against torch-mlir's own parser and printer."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerType, Signedness, TensorType, f32, i1, i64
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.transforms.canonicalize import CanonicalizePass
from xdsl.utils.test_value import create_ssa_value

from lut_opt.dialects.assembly import context, parse, print_program
from lut_opt.dialects.torch import (
    NOT_CONSTANT,
    TORCH,
    ConstantDeviceOp,
    IntType,
    ListType,
    VTensorType,
    constant,
    constant_value,
    from_builtin_tensor,
    to_builtin_tensor,
    torch_name,
    torch_op,
)

si64 = IntegerType(64, Signedness.SIGNED)
ui8 = IntegerType(8, Signedness.UNSIGNED)

TYPES = [
    *("any", "bool", "int", "float", "str", "none", "number", "Device", "Generator"),
    *("LinearParams", "qint8", "quint8", "qint16", "qint32", "vtensor", "tensor"),
    *("vtensor<[2,?],f32>", "vtensor<[],si64>", "vtensor<*,f32>", "vtensor<[2],unk>"),
    *("vtensor<[2],complex<f32>>", "vtensor<[2],!torch.qint8>", "tensor<[2],f8E4M3FN>"),
    *("list<int>", "list<vtensor<[2,?],f32>>", "optional<list<int>>", "tuple<int, vtensor>"),
    *("tuple<>", "dict<str, int>", "union<int, float>", 'nn.Module<"a.b">'),
    "list<optional<dict<str, tuple<int, float, tensor>>>>",
]

OPS = """
  %none = torch.constant.none {a = 1 : i32}
  %int-1 = torch.constant.int -1 {foo}
  %floatInf = torch.constant.float 0x7FF0000000000000
  %float1.000000e-10 = torch.constant.float 1.000000e-10
  %true = torch.constant.bool true
  %str = torch.constant.str "a\\0A\\22b\\C3\\A9"
  %cpu = torch.constant.device "cpu"
  %n = "torch.constant.number"() <{value = 3.500000e+00 : f64}> : () -> !torch.number
  %2 = torch.prim.ListConstruct  : () -> !torch.list<int>
  %3 = torch.prim.ListConstruct %int-1 {foo = 1 : i64} : (!torch.int) -> !torch.list<int>
  %4 = torch.prim.TupleConstruct %int-1, %floatInf : !torch.int, !torch.float -> !torch.tuple<int, float>
  %6:2 = torch.prim.TupleUnpack %4 : !torch.tuple<int, float> -> !torch.int, !torch.float
  %7 = torch.prim.Uninitialized : !torch.int
  %8 = torch.vtensor.literal(dense<[0xFF800000, 2.000000e+00]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %9 = torch.vtensor.literal(dense<5> : tensor<2xsi64>) {foo = 2 : i64} : !torch.vtensor<[2],si64>
  %10 = torch.tensor.literal(dense<5> : tensor<2xsi64>) : !torch.tensor<[2],si64>
  %11 = torch.operator "torch.my.op"(%6#0, %8) {x = 3 : si64} : (!torch.int, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
  torch.operator "onnx.X"() : () -> ()
  %12:2 = torch.operator "onnx.X"() : () -> (!torch.int, !torch.int) {
  }, {
  }
  %13 = torch.derefine %int-1 : !torch.int to !torch.optional<int>
  %14 = torch.tensor_static_info_cast %8 : !torch.vtensor<[2],f32> to !torch.vtensor<*,f32>
  %15 = torch.copy.to_tensor %8 : !torch.tensor<[2],f32>
  %16 = torch.copy.to_vtensor %15 : !torch.vtensor<[2],f32>
  torch.overwrite.tensor.contents %16 overwrites %15 : !torch.vtensor<[2],f32>, !torch.tensor<[2],f32>
  torch.runtime.assert %true, "bad"
  torch.prim.RaiseException %str, %none : !torch.str, !torch.none
  %17:2 = torch.aten.max.dim %8, %int-1, %true : !torch.vtensor<[2],f32>, !torch.int, !torch.bool -> !torch.vtensor<[],f32>, !torch.vtensor<[],si64>
  %18 = torch.aten.gelu %8, %str {pwl.range = [-4.0, 4.0]} : !torch.vtensor<[2],f32>, !torch.str -> !torch.vtensor<[2],f32>
  %19 = torch.prim.If %true -> (!torch.int) {
    torch.prim.If.yield %int-1 : !torch.int
  } else {
    torch.prim.If.yield %int-1 : !torch.int
  }
  torch.prim.If %true -> () {
    torch.prim.If.yield
  } else {
    torch.prim.If.yield
  } {foo}
  %20 = torch.prim.Loop %int-1, %true, init(%int-1) {
  ^bb0(%arg0: !torch.int, %arg1: !torch.int):
    torch.prim.Loop.condition %true, iter(%arg1 : !torch.int)
  } : (!torch.int, !torch.bool, !torch.int) -> !torch.int
  torch.prim.Loop %int-1, %true, init() {
  ^bb0(%arg0: !torch.int):
    torch.prim.Loop.condition %true, iter()
  } : (!torch.int, !torch.bool) -> ()
  %21 = torch.symbolic_int "s0" {min_val = 2, max_val = 64} : !torch.int
  torch.bind_symbolic_shape %8, [%21], affine_map<()[s0] -> (s0 * 4)> : !torch.vtensor<[2],f32>
  torch.prim.Print(%int-1, %floatInf) : !torch.int, !torch.float
  "torch.global_slot"() <{sym_name = "g", typeBound = !torch.int}> : () -> ()
  %22 = torch_c.to_builtin_tensor %8 {q} : !torch.vtensor<[2],f32> -> tensor<2xf32>
  %23 = torch_c.from_builtin_tensor %22 : tensor<2xf32> -> !torch.vtensor<[2],f32>
  %24 = torch_c.to_i64 %int-1
  %25 = torch_c.from_i64 %24
  %26 = torch_c.to_i1 %true
  %27 = torch_c.from_i1 %26
  %28 = torch_c.to_f64 %floatInf
  %29 = torch_c.from_f64 %28
  %30 = torch_c.get_next_seed : () -> i64
  %31 = torch_c.i64_to_generator %24
  %32 = torch_c.generator_to_i64 %31
"""  # noqa: E501


def upstream(text: str, *, locations: bool = False) -> str:
    """The generic form in which torch-mlir prints a text."""
    ir = pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir's bindings")
    torch_d = pytest.importorskip("torch_mlir.dialects.torch", reason="needs torch-mlir")
    ctx = ir.Context()
    torch_d.register_dialect(ctx)
    if "torch_c." in text:
        _register_conversion_dialect(ctx)
    operation = ir.Module.parse(text, ctx).operation
    flags = {"enable_debug_info": True, "use_local_scope": True} if locations else {}
    return operation.get_asm(print_generic_op_form=True, **flags)


def _register_conversion_dialect(ctx: Any) -> None:
    """The bindings know `torch_c` only after a pipeline has run."""
    from torch_mlir import ir
    from torch_mlir.passmanager import PassManager

    pipeline = "builtin.module(torch-backend-to-linalg-on-tensors-backend-pipeline)"
    with ctx:
        PassManager.parse(pipeline).run(ir.Module.parse("module {}").operation)


def check_round_trip(text: str, *, locations: bool = False) -> None:
    """Both our forms say the same to torch-mlir as the text itself, and to ourselves."""
    want = upstream(text, locations=locations)
    for generic in (True, False):
        ctx = context()
        program = parse(text, "a.mlir", ctx)
        program.module.verify()
        ours = print_program(program, generic=generic, debuginfo=locations)
        assert upstream(ours, locations=locations) == want
        again = print_program(parse(ours, "a.mlir", ctx), generic=generic, debuginfo=locations)
        assert again == ours


# Real modules


@cache
def exports() -> dict[str, Any]:
    """Torch modules with their inputs, ready to export."""
    torch: Any = pytest.importorskip("torch", reason="needs PyTorch")
    from torch import nn
    from torch.nn import functional as F

    class Function(nn.Module):
        def __init__(self, function: Callable[..., Any], *parts: nn.Module):
            super().__init__()
            self.function, self.parts = function, nn.ModuleList(parts)

        def forward(self, *args: Any) -> Any:
            return self.function(*self.parts, *args)

    def attention(q: Any, k: Any, v: Any) -> Any:
        mask = torch.full((4, 4), float("-inf")).triu(1)
        weights = (q @ k.transpose(-1, -2)) / 8**0.5 + mask
        weights = weights.masked_fill(mask == 0, float("-inf"))
        return torch.softmax(weights, -1) @ v

    def qdq(x: Any) -> Any:
        import torch.ao.quantization.fx._decomposed

        ops = torch.ops.quantized_decomposed
        signed = (0.03125, 0, -128, 127, torch.int8)
        unsigned = (0.05, 3, 0, 255, torch.uint8)
        x = ops.dequantize_per_tensor(ops.quantize_per_tensor(x, *signed), *signed)
        return ops.dequantize_per_tensor(ops.quantize_per_tensor(F.gelu(x), *unsigned), *unsigned)

    def loop(x: Any) -> Any:
        def step(i: Any, x: Any) -> Any:
            return i + 1, torch.tanh(x)

        return torch._higher_order_ops.while_loop(lambda i, x: i < 5, step, (torch.tensor(0), x))

    def dynamic(x: Any, y: Any) -> Any:
        return torch.tanh(torch.cat([x, y], 1).reshape(x.shape[0] * 2, -1))

    def tail(x: Any) -> Any:
        return x.half(), x.bfloat16(), x.double() * 0.1, torch.arange(5), x > 0

    def mlp(a: Any, b: Any, x: Any) -> Any:
        return b(F.gelu(a(x)))

    def convolution(c: Any, b: Any, x: Any) -> Any:
        return F.hardswish(b(c(x)))

    heads = (torch.randn(1, 2, 4, 8),) * 3
    batch, columns = torch.export.Dim("batch", min=2, max=64), torch.export.Dim("seq", max=64)
    shape = {0: batch, 1: 2 * columns}
    symbols = {"dynamic_shapes": ((shape, shape),), "import_symbolic_shape_expressions": True}
    x = torch.randn(2, 8)
    return {
        "mlp": (Function(mlp, nn.Linear(8, 16), nn.Linear(16, 8)), (x,), {}),
        "attention": (Function(attention), heads, {}),
        "layer_norm": (Function(lambda n, x: n(x), nn.LayerNorm(8)), (x,), {}),
        "convolution": (
            Function(convolution, nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
            (torch.randn(1, 3, 8, 8),),
            {},
        ),
        "embedding": (
            Function(lambda e, i: e(i), nn.Embedding(10, 8)),
            (torch.tensor([[1, 2]]),),
            {},
        ),
        "dtypes": (Function(tail), (x,), {}),
        "dynamic": (Function(dynamic), (torch.randn(4, 8), torch.randn(4, 8)), symbols),
        "qdq": (Function(qdq), (x,), {}),
        "loop": (Function(loop), (x,), {}),
    }


@cache
def export(name: str) -> Any:
    """The torch-mlir module of a torch module."""
    module, args, options = exports()[name]
    fx = pytest.importorskip("torch_mlir.fx", reason="needs torch-mlir's frontend")
    from torch_mlir.extras.fx_decomp_util import get_decomposition_table

    keep = ("aten.gelu", "aten.layer_norm", "aten.native_layer_norm", "aten.softmax.int")
    table = get_decomposition_table()
    for op in [op for op in table if str(op).startswith(keep)]:
        table.pop(op)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fx.export_and_import(
            module.eval(),
            *args,
            output_type="torch",
            decomposition_table=table,
            backend_legal_ops=list(keep),
            experimental_support_mutation=True,
            **options,
        )


def forms() -> Iterator[tuple[str, dict[str, bool]]]:
    yield "pretty", {}
    yield "generic", {"print_generic_op_form": True}
    yield "local locations", {"enable_debug_info": True, "use_local_scope": True}
    yield "location aliases", {"enable_debug_info": True, "print_generic_op_form": True}


@pytest.mark.parametrize(("form", "flags"), [pytest.param(*f, id=f[0]) for f in forms()])
@pytest.mark.parametrize(
    "name",
    [
        *("mlp", "attention", "layer_norm", "convolution", "embedding"),
        *("dtypes", "dynamic", "qdq", "loop"),
    ],
)
def test_exported_module(name: str, form: str, flags: dict[str, bool]):
    text = export(name).operation.get_asm(**flags)
    check_round_trip(text, locations="enable_debug_info" in flags)


# The dialect by itself


@pytest.mark.parametrize("name", TYPES)
def test_type_round_trip(name: str):
    text = f"!torch.{name}"
    assert str(Parser(context(), text).parse_type()) == text


def test_every_op_with_its_own_syntax():
    check_round_trip(f"module {{{OPS}}}")


@pytest.mark.parametrize("value", [None, True, False, 0, -3, 1.5, float("inf"), "tanh"])
def test_constants(value: float | str | bool | None):
    op = constant(value)
    assert constant_value(op.results[0]) == value
    assert type(constant_value(op.results[0])) is type(value)


def test_constant_value_of_what_is_not_constant():
    x = create_ssa_value(IntType())
    one = constant(1).results[0]
    mixed = torch_op("prim.ListConstruct", [one, x], [ListType(IntType())])
    fixed = torch_op("prim.ListConstruct", [one, one], [ListType(IntType())])
    assert constant_value(x) is NOT_CONSTANT
    assert constant_value(mixed.results[0]) is NOT_CONSTANT
    assert constant_value(fixed.results[0]) == [1, 1]
    assert constant_value(ConstantDeviceOp("cpu").results[0]) == "cpu"


def test_tensor_types():
    type = VTensorType([2, -1], si64)
    assert str(type) == "!torch.vtensor<[2,?],si64>"
    assert (type.shape, type.dtype) == ((2, -1), si64)
    assert type.to_builtin() == TensorType(i64, [2, DYNAMIC_INDEX])
    assert VTensorType.from_builtin(TensorType(i64, [2, DYNAMIC_INDEX])) == type
    assert VTensorType.from_builtin(TensorType(i1, [])) == VTensorType([], i1)
    assert VTensorType([1], ui8).to_builtin() == TensorType(IntegerType(8), [1])
    assert VTensorType(None, f32).shape is None
    assert str(VTensorType()) == "!torch.vtensor"
    with pytest.raises(ValueError, match="known element type"):
        VTensorType([2]).to_builtin()


def test_conversion_ops():
    x = create_ssa_value(VTensorType([2], si64))
    there = to_builtin_tensor(x)
    assert there.results[0].type == TensorType(i64, [2])
    assert from_builtin_tensor(there.results[0]).results[0].type == x.type


def test_names():
    x = create_ssa_value(VTensorType([2], f32))
    assert torch_name(torch_op("aten.nobody_wrote_this_down", [x], [x.type])) == (
        "aten.nobody_wrote_this_down"
    )
    assert torch_name(to_builtin_tensor(x)) is None
    text = 'module { torch.operator "torch.my.op"() : () -> () }'
    assert [torch_name(op) for op in parse(text, "a", context()).module.walk()] == [None, "my.op"]
    assert isinstance(torch_op("aten.tanh", [x], [x.type]), Operation)


def test_dead_values_go_and_effects_stay():
    t = "!torch.vtensor<[2],f32>"
    text = f"""
      func.func @f(%x: {t}) {{
        %0 = torch.constant.int 1
        %1 = torch.aten.tanh %x : {t} -> {t}
        %2 = torch.aten.__and__.Tensor %x, %x : {t}, {t} -> {t}
        %3 = torch.aten.tanh_ %x : {t} -> {t}
        %4 = torch.aten.rand_like %x : {t} -> {t}
        %5 = torch.copy.to_tensor %x : !torch.tensor<[2],f32>
        func.return
      }}"""
    ctx = context()
    program = parse(text, "a.mlir", ctx)
    CanonicalizePass().apply(ctx, program.module)
    left = [torch_name(op) for op in program.module.walk() if torch_name(op)]
    assert left == ["aten.tanh_", "aten.rand_like", "copy.to_tensor"]


def test_stock_contexts_can_load_the_dialect():
    names = [op.name for op in TORCH.operations]
    assert len(names) == len(set(names))
    assert "torch.aten.gelu" in names
