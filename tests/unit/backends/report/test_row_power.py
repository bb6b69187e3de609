"""The power of a streaming unit's gates: the netlist at work, checked, its toggles counted."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from short_units import short_units
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.report import row_power as row_powers
from lut_opt.backends.report.row_power import random_rows, row_power
from lut_opt.backends.simulate.row_bench import Stimulus
from lut_opt.backends.synthesis.memories import Apart, apart
from lut_opt.backends.synthesis.synthesize import Synthesis, synthesize
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.row_unit.unit import build_row_unit

needs_tools = pytest.mark.skipif(
    importlib.util.find_spec("pyosys") is None or shutil.which("iverilog") is None,
    reason="needs Yosys and Icarus: pip install 'lut-opt[synth]', apt install iverilog",
)

DUMP = """$var wire 1 ! n7 $end
$var wire 1 " n8 $end
$var wire 4 # x [3:0] $end
#0
$dumpoff
x!
$end
#3000
$dumpon
0!
0"
b0 #
$end
#3001
1!
#3002
0!
1"
#5001
1!
x"
#5002
1"
0!
#5003
1!
#7000
"""


def test_toggles_are_those_of_the_window_and_settle_once_a_cycle() -> None:
    activity = row_powers._activity(DUMP.splitlines(keepends=True))
    # Two cycles: n7 up and down, then up, down and up; n8 up, and undefined for a while.
    assert activity.toggles == {7: 5 / 2, 8: 1 / 2}
    assert activity.functional == {7: 1 / 2, 8: 1 / 2}


@cache
def softmax() -> tuple[RowUnit, Apart, Synthesis]:
    side = Quantization(4, True, 2.0**-1)
    unit = next(unit for unit in short_units(side, side, 4).values() if unit.function == "softmax")
    verilog = systemverilog.emit(ModuleOp([build_row_unit(unit)]))
    split = apart(verilog, unit.module)
    return unit, split, synthesize(split.logic, unit.module, effort="quick")


@needs_tools
def test_what_comes_at_random_costs_more_than_what_stays_as_it_is() -> None:
    unit, split, gates = softmax()
    rows = random_rows(unit)
    power = row_power(gates, split.memories, rows)
    assert power.total > power.functional > 0
    assert power.unit == "switched gate inputs a cycle"
    still = [np.zeros(unit.length, np.int64) for _ in rows.rows]
    # Counters go on, and in rows of four they are half of it.
    assert row_power(gates, split.memories, replace(rows, rows=still)).total < 0.75 * power.total


@needs_tools
def test_a_netlist_that_is_not_the_unit_is_refused() -> None:
    unit, split, gates = softmax()
    wrong = {"AND2": "OR2", "XOR2": "XNOR2", "NAND2": "NOR2"}
    at = next(i for i, one in enumerate(gates.wiring.instances) if one.cell in wrong)
    instances = list(gates.wiring.instances)
    instances[at] = replace(instances[at], cell=wrong[instances[at].cell])
    mutant = replace(gates, wiring=replace(gates.wiring, instances=tuple(instances)))
    mutant = replace(mutant, cells={**gates.cells, instances[at].cell: 1})
    with pytest.raises(BackendError, match="the netlist is not the unit"):
        row_power(mutant, split.memories, random_rows(unit))


@needs_tools
def test_rows_that_end_before_the_first_result_are_refused() -> None:
    unit, split, gates = softmax()
    few = Stimulus(unit, random_rows(unit).rows[:1])
    with pytest.raises(BackendError, match="the rows end before the first result comes"):
        row_power(gates, split.memories, few)
