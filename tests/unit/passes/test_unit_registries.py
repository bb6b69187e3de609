"""Every unit op is known wherever units are looked up, and holds the data of its semantics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lut_opt.dialects.pwl import PWL, Table, UnitOp, units
from lut_opt.dialects.pwl.interpreter import PwlFunctions
from lut_opt.dialects.pwl.range_reduction import LeadingZero
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.arith.units import BUILDERS
from lut_opt.passes.hw.row_unit.unit import CIRCUITS
from lut_opt.passes.lower.units import KINDS
from lut_opt.passes.quantize.divisions import NAME as DIVISIONS

UNIT_OPS = [op for op in PWL.operations if issubclass(op, UnitOp)]
NAMES = {op.UNIT.name for op in UNIT_OPS}

BYTE, SHORT = Quantization(8, True, 2.0**-4), Quantization(16, True, 2.0**-8)
TINY, HUGE = replace(BYTE, scale=1e-300), replace(BYTE, scale=1e300)
SHARE = Quantization(8, False, 2.0**-8)
FALLING = Table((), (16,), (4096,), 0, 0)
"""An exp that is 0 at −256 and 2^12 at 0."""

SAMPLES: dict[str, units.Unit] = {
    "softmax": units.Softmax(BYTE, SHARE, -256, 12, FALLING, units.BLANK),
    "log_softmax": units.LogSoftmax(BYTE, SHORT, -256, 12, FALLING, units.BLANK),
    "layer_norm": units.LayerNorm(BYTE, BYTE, units.BLANK, 1e-5, SHORT, SHORT),
    "rms_norm": units.RMSNorm(BYTE, BYTE, units.BLANK, 1e-5, SHORT),
    "divide": units.Division(BYTE, BYTE, SHORT, LeadingZero(10), units.BLANK),
}


def test_every_registry_knows_every_unit_op() -> None:
    assert len(UNIT_OPS) == len(NAMES) == 5
    assert set(units.UNITS) == NAMES
    assert {*KINDS, DIVISIONS} == NAMES, "no torch op becomes it"
    assert set(UNIT_OPS) <= set(dict(PwlFunctions._impls())), "the interpreter cannot run it"
    assert set(BUILDERS) == NAMES, "it has no arithmetic"
    assert {*CIRCUITS, units.Division.name} == NAMES, "it has no hardware"


def test_no_two_kinds_take_the_same_torch_op() -> None:
    taken = [name for kind in KINDS.values() for name in kind.torch_names]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("op", UNIT_OPS, ids=lambda op: op.name)
def test_an_op_holds_the_data_of_its_unit(op: type[UnitOp]) -> None:
    assert units.UNITS[op.UNIT.name] is op.UNIT
    assert op.name == f"pwl.{op.UNIT.name}"
    definition = op.get_irdl_definition()
    for table in op.UNIT.table_names():
        assert {table, f"{table}_fit"} <= set(definition.properties)
    first, *parameters = [name for name, _ in definition.operands]
    assert first == "input"
    known = [name for name in op.UNIT.parameter_names() if name in parameters]
    assert parameters == known, "operands are parameters, in their order"


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_unit_is_rebuilt_from_its_data(name: str) -> None:
    unit = SAMPLES[name]
    unit.check()
    data: dict[str, Any] = {
        "tables": unit.tables,
        "parameters": unit.parameters,
        "constants": unit.constants,
    }
    assert units.UNITS[name].build(unit.operand, unit.result, **data) == unit
    for kind, given in data.items():
        extra = {**data, kind: {**given, "other": 1}}
        with pytest.raises(ValueError, match=f"{name} has no {kind[:-1]} other"):
            units.UNITS[name].build(unit.operand, unit.result, **extra)
    for kind in ("tables", "constants"):
        for missing in data[kind]:
            rest = {key: value for key, value in data[kind].items() if key != missing}
            with pytest.raises(ValueError, match=f"{name} needs its {kind[:-1]} {missing}"):
                units.UNITS[name].build(unit.operand, unit.result, **{**data, kind: rest})


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_unit_says_what_its_tables_approximate(name: str) -> None:
    unit = SAMPLES[name]
    assert tuple(unit.parts) == unit.table_names()
    for table, part in unit.parts.items():
        steps = part.function(part.operand.dequantize(part.operand.values)) / part.result.scale
        low, high = part.result.minimum, part.result.maximum
        # A result that the storage does not reach would be lost whatever the table.
        assert low - 0.5 <= steps.min(), table
        assert steps.max() <= high + 0.5, table
        assert steps.max() > high / 4, f"{table}: most of the storage is never used"


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (replace(SAMPLES["softmax"], clip=0), "clip must be from -65535 to -1, got 0"),
        (replace(SAMPLES["softmax"], clip=-(1 << 16)), "clip must be from -65535 to -1"),
        (replace(SAMPLES["softmax"], exp_fraction=16), "exp_fraction must be from 1 to 15, got 16"),
        (replace(SAMPLES["softmax"], result=replace(SHARE, scale=2.0)), "a scale from 2.-15 to 1"),
        (replace(SAMPLES["softmax"], result=replace(SHARE, scale=0.3)), "must be a power of two"),
        (replace(SAMPLES["softmax"], operand=replace(SHORT, bits=17)), "at most 16 bits"),
        (replace(SAMPLES["log_softmax"], operand=replace(BYTE, scale=2.0**-17)), "the input scale"),
        (replace(SAMPLES["log_softmax"], operand=replace(BYTE, scale=0.3)), "a power of two"),
        (replace(SAMPLES["layer_norm"], epsilon=-1.0), "epsilon -1.0 is negative"),
        (replace(SAMPLES["layer_norm"], gamma=replace(SHORT, scale=0.3)), "the gamma scale"),
        (
            replace(SAMPLES["layer_norm"], beta=replace(SHORT, zero_point=1)),
            "beta must have a zero point of 0",
        ),
        (replace(SAMPLES["layer_norm"], beta=replace(SHORT, scale=2.0**-30)), "the scale of beta"),
        (replace(SAMPLES["rms_norm"], operand=replace(SHORT, bits=33)), "takes at most 32 bits"),
        (
            replace(SAMPLES["divide"], operand=TINY, denominator=HUGE),
            "the scales are too far apart",
        ),
    ],
)
def test_what_the_arithmetic_is_not_made_for_is_refused(unit: units.Unit, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unit.check()


def test_a_table_that_breaks_softmax_is_refused() -> None:
    unit = SAMPLES["softmax"]
    unit.check_table("exp")
    with pytest.raises(ValueError, match="gives 1 at clip = -256, where masked positions are"):
        replace(unit, exp=replace(FALLING, intercepts=(4097,))).check_table("exp")
    with pytest.raises(ValueError, match="no row has a sum"):
        replace(unit, exp=units.BLANK).check_table("exp")
