"""The quant dialect against MLIR's own printer, and its verifiers."""

import math
import random

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    Builtin,
    Float64Type,
    IntegerType,
    TensorType,
    f16,
    f32,
)
from xdsl.dialects.func import Func
from xdsl.parser import Parser
from xdsl.transforms.canonicalize import CanonicalizePass
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.test_value import create_ssa_value

from lut_opt.dialects.quant import (
    QUANT,
    DequantizeCastOp,
    PerAxisQuantizedType,
    QuantizeCastOp,
    StorageCastOp,
    UniformQuantizedType,
)
from lut_opt.dialects.quant_scale import format_scale
from lut_opt.dialects.quantization import Quantization

SPELLINGS = [
    "i8:f32, 3.125000e-02",
    "i8:f32, 1.000000e-01:-3",
    "u8:f32, 0.0078740157480314959:128",
    "i8<-127:127>:f32, 5.000000e-01",
    "u8<0:254>:f32, 5.000000e-01:3",
    "i4:f32, 5.000000e-01",
    "u4:f16, 5.000000e-01",
    "i16:bf16, 5.000000e-01",
    "u16:f32, 5.000000e-01:40000",
    "i32:f64, 1.2345678901234568E-10",
    "u32:f32, 1.000000e+00:2147483648",
]


def make_context() -> Context:
    ctx = Context()
    for dialect in (Builtin, Func, QUANT):
        ctx.load_dialect(dialect)
    return ctx


def upstream(text: str) -> str:
    """What MLIR prints for a type."""
    ir = pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir's bindings")
    ctx = ir.Context()
    assert ctx.dialects["quant"]
    return str(ir.Type.parse(text, ctx))


@pytest.mark.parametrize("body", SPELLINGS)
def test_type_round_trip(body: str):
    text = f"!quant.uniform<{body}>"
    type = Parser(make_context(), text).parse_type()
    assert str(type) == text
    assert isinstance(type, UniformQuantizedType)
    assert UniformQuantizedType.from_quantization(type.quantization, type.expressed_type) == type


CHANNELS = [
    "i8:f32:1, {1.000000e-01,2.000000e-01:3}",
    "u8<0:254>:f32:0, {5.000000e-01:3,2.500000e-01}",
    "i4:bf16:12, {0.0078740157480314959}",
]


@pytest.mark.parametrize("body", CHANNELS)
def test_scales_by_channel_round_trip(body: str):
    text = f"!quant.uniform<{body}>"
    type = Parser(make_context(), text.replace(",", " , ")).parse_type()
    assert isinstance(type, PerAxisQuantizedType)
    assert not isinstance(type, UniformQuantizedType)
    assert str(type) == text


@pytest.mark.parametrize("body", SPELLINGS + CHANNELS)
def test_type_is_printed_as_upstream_does(body: str):
    text = f"!quant.uniform<{body}>"
    assert upstream(text) == text


def test_scales_are_printed_as_upstream_does():
    ir = pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir's bindings")
    ctx = ir.Context()
    assert ctx.dialects["quant"]
    rng = random.Random(0)
    scales = [0.1, 1e-3, 2.0**-7, 1 / 127, 1e22, 1e-38, 1234567.0, 12345678.0, 6.486e-05, 5e-324]
    scales += [math.exp(rng.uniform(-700, 700)) for _ in range(500)]
    scales += [math.exp(rng.uniform(-12, 12)) for _ in range(500)]
    scales += [round(rng.uniform(0, 10), 5) + 1e-5 for _ in range(200)]
    scales += [float(rng.randint(1, 10**20)) for _ in range(200)]
    for scale in scales:
        bits = Float64Type().pack((scale,))[::-1].hex()
        want = str(ir.Type.parse(f"!quant.uniform<i8:f64, 0x{bits}>", ctx))
        text = f"!quant.uniform<i8:f64, {format_scale(scale)}>"
        assert text == want
        assert str(Parser(make_context(), text).parse_type()) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, -0.5), "positive finite"),
        ((8, 0.0), "positive finite"),
        ((8, math.nan), "positive finite"),
        ((8, math.inf), "positive finite"),
        ((0, 0.5), "1 to 32 bits"),
        ((33, 0.5), "1 to 32 bits"),
        ((8, 0.5, 128), "zero point 128"),
    ],
)
def test_type_is_refused(arguments: tuple[int, float], message: str):
    with pytest.raises(VerifyException, match=message):
        UniformQuantizedType(*arguments)


def test_storage_range_is_checked():
    with pytest.raises(VerifyException, match="storage range"):
        UniformQuantizedType(8, 0.5, minimum=-129)
    with pytest.raises(VerifyException, match="storage range"):
        UniformQuantizedType(8, 0.5, minimum=3, maximum=3)
    with pytest.raises(VerifyException, match="expressed type"):
        UniformQuantizedType(8, 0.5, expressed_type=IntegerType(8))  # pyright: ignore
    with pytest.raises(VerifyException, match="type f16"):
        UniformQuantizedType(8, 1e6, expressed_type=f16)


@pytest.mark.parametrize(
    "body", ["", "i8", "i8:f32", "i8:f32, 1", "si8:f32, 0.5", "i8:f32, x", "i8:i8, 0.5"]
)
def test_bad_text_is_a_parse_error(body: str):
    with pytest.raises(ParseError):
        Parser(make_context(), f"!quant.uniform<{body}>").parse_type()


def test_plain_numbers():
    type = UniformQuantizedType(8, 0.25, 3, signed=False)
    assert type.quantization == Quantization(8, False, 0.25, 3)
    assert type.storage_type == IntegerType(8)
    assert UniformQuantizedType.from_quantization(Quantization(8, True, 0.5, 0, -127, 127)) == (
        UniformQuantizedType(8, 0.5, minimum=-127)
    )


def test_casts_verify():
    quantized = UniformQuantizedType(8, 0.5)
    tensor = TensorType(f32, [2, DYNAMIC_INDEX])
    x = create_ssa_value(tensor)
    q = QuantizeCastOp(x, TensorType(quantized, [2, DYNAMIC_INDEX]))
    q.verify()
    DequantizeCastOp(q, tensor).verify()
    StorageCastOp(q, TensorType(IntegerType(8), [2, DYNAMIC_INDEX])).verify()
    with pytest.raises(VerifyException, match="same shape"):
        QuantizeCastOp(x, TensorType(quantized, [2, 3])).verify()
    with pytest.raises(VerifyException, match="does not match"):
        DequantizeCastOp(q, TensorType(f16, [2, DYNAMIC_INDEX])).verify()
    with pytest.raises(VerifyException, match="does not match"):
        StorageCastOp(q, TensorType(IntegerType(16), [2, DYNAMIC_INDEX])).verify()
    with pytest.raises(VerifyException, match="not a quantized"):
        QuantizeCastOp(x, tensor).verify()


def test_only_lossless_pairs_cancel():
    q = "!quant.uniform<i8:f32, 5.000000e-01>"
    text = f"""
      func.func @f(%q: {q}, %x: f32, %s: i8) -> ({q}, f32, i8) {{
        %0 = quant.dcast %q : {q} to f32
        %1 = quant.qcast %0 : f32 to {q}
        %2 = quant.qcast %x : f32 to {q}
        %3 = quant.dcast %2 : {q} to f32
        %4 = quant.scast %s : i8 to {q}
        %5 = quant.scast %4 : {q} to i8
        func.return %1, %3, %5 : {q}, f32, i8
      }}"""
    ctx = make_context()
    module = Parser(ctx, text).parse_module()
    CanonicalizePass().apply(ctx, module)
    names = [op.name for op in module.walk()]
    assert names.count("quant.qcast") == names.count("quant.dcast") == 1
    assert "quant.scast" not in names
