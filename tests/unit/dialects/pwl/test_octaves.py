"""Exponentials whose octave is split off: within their bound, and the same in compiled code."""

from __future__ import annotations

import numpy as np
import pytest

from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.range_reduction import LeadingZero, Octaves
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.pwl_search import PwlSearchPass

TEXT = """\
func.func @main(%x: tensor<?x!quant.uniform<{0}>>) -> tensor<?x!quant.uniform<{1}>> {{
  %y = pwl.apply #pwl.fn<{2}> %x reduce #pwl.octaves<table_bits = 9>
    : tensor<?x!quant.uniform<{0}>> -> tensor<?x!quant.uniform<{1}>>
  return %y : tensor<?x!quant.uniform<{1}>>
}}
"""


@pytest.mark.parametrize("function", ["exp", "exp2"])
@pytest.mark.parametrize(
    ("operand", "result"),
    [
        ("i8:f32, 0.0625:3", "u16:f32, 0.001"),
        ("u8:f32, 0.5", "u8:f32, 4.0"),
        ("i16:f32, 0.001", "u32:f32, 1.0e-5"),
    ],
)
def test_results_are_within_their_bound_and_those_of_compiled_code(
    function: str, operand: str, result: str
) -> None:
    ctx = context()
    program = parse(TEXT.format(operand, result, function), "exp.mlir", ctx)
    PwlSearchPass().apply(ctx, program.module)
    program.module.verify()
    op = next(op for op in program.module.walk() if isinstance(op, ApplyOp))
    unit = op.reduced()
    q = unit.operand.values
    found = unit.evaluate(q)
    real = FUNCTIONS[function](unit.operand.dequantize(q)) / unit.result.scale
    real = np.clip(real, unit.result.minimum, unit.result.maximum)
    assert np.max(np.abs(found - real)) <= unit.error_bound()
    jit = pytest.importorskip("lut_opt.backends.jit")
    pytest.importorskip("torch_mlir")
    ConvertPwlToArithPass().apply(ctx, program.module)
    stored = q.astype(np.int8 if unit.operand.bits == 8 else np.int16)
    compiled = np.asarray(jit.compile(program)(stored)).astype(np.int64)
    mask = (1 << unit.result.bits) - 1
    assert np.array_equal(compiled & mask, found & mask)


def test_an_octave_is_its_whole_part_and_its_fraction() -> None:
    q, k = Octaves(3).reduce(np.array([-9, -8, -1, 0, 7, 8]), 1)
    assert q.tolist() == [7, 0, 7, 0, 7, 0]
    assert k.tolist() == [-2, -1, -1, 0, 0, 1]


def test_other_functions_have_no_octaves_to_split_off() -> None:
    text = TEXT.format("u8:f32, 0.5", "u8:f32, 4.0", "log")
    with pytest.raises(Exception, match="octaves are split off exponentials"):
        parse(text, "log.mlir", context()).module.verify()
    assert LeadingZero(9) != Octaves(9)
