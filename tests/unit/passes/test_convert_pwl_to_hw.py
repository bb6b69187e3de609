"""Units compute exactly what their tables say, for every input pattern (simulated in Icarus)."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects import hw
from xdsl.dialects import test as ir
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from lut_opt.backends.simulate import tables as simulate
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import ApplyOp, FnAttr, NamedFunction, Table, TableAttr
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.datapath.fixed import DIRECT, SEGMENTS, Style
from lut_opt.passes.hw.datapath.multiply import digits
from lut_opt.passes.hw.datapath.segments import segments
from lut_opt.passes.hw.modules import unit_of
from lut_opt.passes.hw.table_unit.unit import build_unit, unit_name

TABLE = Table((-30, 7), (0, 12, 64), (0, 5, 0), intercept_shift=4, result_shift=6)
STYLES = st.builds(
    Style,
    st.sampled_from(["chain", "binary", "onehot", "decode"]),
    st.sampled_from(["recoded", "lines", "inferred", "block"]),
    st.sampled_from([SEGMENTS, DIRECT]),
)
I8 = UniformQuantizedType(8, 2.0**-4)


@st.composite
def quantizations(draw: st.DrawFn, widths: list[int]) -> Quantization:
    """Signed or unsigned, sometimes with a storage range that is narrower than the bits."""
    bits, signed = draw(st.sampled_from(widths)), draw(st.booleans())
    whole = Quantization(bits, signed, 0.5)
    if draw(st.booleans()):
        return whole
    low = draw(st.integers(whole.minimum, whole.maximum - 1))
    high = draw(st.integers(low + 1, whole.maximum))
    zero = max(low, min(high, 0))
    return Quantization(bits, signed, 0.5, zero, low, high)


@st.composite
def tables(draw: st.DrawFn, operand: Quantization) -> Table:
    """Any table that the verifier accepts: equal breakpoints, and breakpoints at both ends."""
    param_bits, entries = draw(st.sampled_from([4, 8, 16])), draw(st.integers(1, 16))
    limit = 1 << (param_bits - 1)
    ends = st.sampled_from([operand.minimum, operand.maximum])
    points = st.integers(operand.minimum, operand.maximum) | ends
    parameters = st.lists(st.integers(-limit, limit - 1), min_size=entries, max_size=entries)
    return Table(
        tuple(sorted(draw(st.lists(points, min_size=entries - 1, max_size=entries - 1)))),
        tuple(draw(parameters)),
        tuple(draw(parameters)),
        draw(st.integers(0, 16)),
        draw(st.integers(0, 24)),
        param_bits,
    )


@st.composite
def unit_lists(draw: st.DrawFn) -> list[TableUnit]:
    """Units that share one simulator run."""
    units: list[TableUnit] = []
    for i in range(12):
        operand = draw(quantizations([4, 8]))
        result = draw(quantizations([4, 8, 16, 32]))
        latency = draw(st.integers(0, 4))
        table = draw(tables(operand))
        units.append(TableUnit(f"u{i}", "f", table, operand, result, latency=latency))
    return units


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(units=unit_lists(), style=STYLES)
def test_random_units_equal_their_tables_on_every_input(
    units: list[TableUnit], style: Style
) -> None:
    pytest.importorskip("pycde")
    ops = [build_unit(unit, style) for unit in units]
    module = ModuleOp(ops)
    module.verify()
    assert [unit_of(op, {}) for op in ops] == units
    for sweep in simulate.sweep(systemverilog.emit(module), units):
        assert sweep.passed, str(sweep)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_segments_cover_the_patterns_and_keep_the_function(data: st.DataObject) -> None:
    operand = data.draw(quantizations([4, 8]))
    table = data.draw(tables(operand))
    patterns = Quantization(operand.bits, operand.signed, 1.0)
    used = segments(table, operand)
    q = np.concatenate([np.arange(s.first, s.last + 1) for s in used])
    assert np.array_equal(q, patterns.values)
    half = (1 << table.result_shift) >> 1
    acc = np.concatenate([np.full(s.last - s.first + 1, s.slope) for s in used]) * q
    acc += np.concatenate([np.full(s.last - s.first + 1, s.bias) for s in used])
    assert np.array_equal(acc, table.accumulate(q) + half)


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_digits_are_those_of_the_slope(slope: int) -> None:
    found = digits(slope)
    assert sum(d * 4**j for j, d in enumerate(found)) == slope
    assert all(-2 <= d <= 2 for d in found)
    assert len(found) <= (slope if slope >= 0 else ~slope).bit_length() // 2 + 1


def apply_op(
    source: ir.TestOp,
    function: str = "gelu",
    table: Table | None = TABLE,
    result: UniformQuantizedType = I8,
) -> ApplyOp:
    """One `pwl.apply`."""
    attribute = None if table is None else TableAttr(table)
    named = FnAttr(NamedFunction(function))
    return ApplyOp(named, source, result_type=result, table=attribute)


def convert(*applies: ApplyOp, source: ir.TestOp, pipeline: int = 0) -> list[hw.HWModuleOp]:
    """The hardware modules of a module of these ops."""
    module = ModuleOp([source, *applies])
    ConvertPwlToHwPass(pipeline=pipeline).apply(Context(), module)
    module.verify()
    ops = [op for op in module.ops if isinstance(op, hw.HWModuleOp)]
    assert len(ops) == len(list(module.ops))
    return ops


def names(ops: list[hw.HWModuleOp]) -> list[str]:
    """Module names in order."""
    return [op.sym_name.data for op in ops]


def test_equal_tables_share_a_module_and_others_are_numbered() -> None:
    source = ir.TestOp(result_types=[I8])
    other = Table((-30, 7), (0, 12, 63), (0, 5, 0), intercept_shift=4, result_shift=6)
    wide = UniformQuantizedType(16, 0.1)
    ops = convert(
        apply_op(source),
        apply_op(source, table=other),
        apply_op(source),
        apply_op(source, result=wide),
        source=source,
    )
    stem = "pwl_gelu_i8_i8_s2m4_s2m4"
    assert names(ops) == [stem, f"{stem}_1", "pwl_gelu_i8_i16_s2m4_s0p1"]


def test_a_second_conversion_changes_nothing() -> None:
    source = ir.TestOp(result_types=[I8])
    module = ModuleOp([source, apply_op(source)])
    ConvertPwlToHwPass().apply(Context(), module)
    before = str(module)
    ConvertPwlToHwPass().apply(Context(), module)
    assert str(module) == before


def test_a_missing_table_and_a_silly_pipeline_are_refused() -> None:
    source = ir.TestOp(result_types=[I8])
    with pytest.raises(PassFailedException, match=r"gelu has no table.*--pwl-search first"):
        convert(apply_op(source, table=None), source=source)
    with pytest.raises(ValueError, match="pipeline must be between 0 and 4, got 5"):
        ConvertPwlToHwPass(pipeline=5)


@pytest.mark.parametrize("scale", [2.0**-7, 1.0, 8.0, 0.1, 1e-05, 0.0078740157480314959, 1e22])
@pytest.mark.parametrize("zero", [0, -3])
def test_names_are_legal_and_tell_scales_apart(scale: float, zero: int) -> None:
    operand = Quantization(8, True, scale, zero)
    name = unit_name("my.own-func", operand, operand)
    assert re.fullmatch(r"pwl_my_own_func_i8_i8_s\w+_s\w+", name, flags=re.ASCII)
    assert name != unit_name("my.own-func", operand, Quantization(8, True, scale * 3, zero))
