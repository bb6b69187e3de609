"""The netlist is simulated right, and its toggles are weighed with the library's energies."""

from __future__ import annotations

import importlib.util
import shutil

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.synthesis.cell_models import cell_model
from lut_opt.backends.synthesis.liberty import Library, generic_library, parse_group
from lut_opt.backends.synthesis.power import power_of, settled
from lut_opt.backends.synthesis.synthesize import Instance, Port, Synthesis, Wiring, synthesize
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import Table
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.table_unit.circuits import styles
from lut_opt.passes.hw.table_unit.unit import build_unit

# One inverter: 2 fF at its input, and 3 fJ or 5 fJ within for a toggle of its output.
LIBERTY = """library (two) {
  time_unit : "1ns"; voltage_unit : "1V"; leakage_power_unit : "1nW";
  capacitive_load_unit (1, ff); nom_voltage : 2.0;
  power_lut_template (energy) {
    variable_1 : input_transition_time; variable_2 : total_output_net_capacitance;
    index_1 ("0.1, 0.2"); index_2 ("0, 4");
  }
"""
INVERTER = """cell (INV) {
  area : 1; cell_leakage_power : 7;
  pin (A) { direction : input; capacitance : 2; }
  pin (Y) { direction : output; function : "(!A)";
    internal_power () { related_pin : "A";
      rise_power (energy) { values ("1, 1", "2, 4"); }
      fall_power (energy) { values ("1, 1", \\
                                    "4, 6"); } } }
}"""
CELLS = Library("two", LIBERTY, {"INV": INVERTER})


def pair_of_inverters() -> Synthesis:
    """Input 2, net 3, output 4."""
    instances = (Instance("INV", {"A": 2, "Y": 3}), Instance("INV", {"A": 3, "Y": 4}))
    wiring = Wiring({"x": Port(True, (2,)), "y": Port(False, (4,))}, instances, {})
    return Synthesis("pair", CELLS, {"INV": 2}, 2.0, None, "by hand", "", wiring)


def test_energies_add_up_by_hand() -> None:
    power = power_of(pair_of_inverters(), {"x": np.array([0, 1, 0, 1, 0])}, frequency=1e9)
    # Each cycle all three nets toggle: two pins of 2 fF at 2 V, ½CV² = 4 fJ each. Within: the
    # first inverter drives 2 fF, (3 + 5)/2 = 4 fJ, the second none, (2 + 4)/2 = 3 fJ.
    femtojoules = 2 * 4 + 4 + 3
    assert power.leakage == pytest.approx(14e-9 * 1e3)
    assert power.total == pytest.approx(femtojoules * 1e-15 * 1e9 * 1e3 + 14e-6)
    assert power.total == pytest.approx(power.functional)
    assert power.unit == "mW at 1000 MHz"


def test_inputs_that_stand_still_leak_only() -> None:
    power = power_of(pair_of_inverters(), {"x": np.zeros(10, np.int64)})
    assert power.total == power.leakage


def test_glitches_are_counted_apart() -> None:
    cells = generic_library()
    # y = a xor not a: settled it never toggles, but the inverter is late.
    instances = (Instance("INV", {"A": 2, "Y": 3}), Instance("XOR2", {"A": 2, "B": 3, "Y": 4}))
    instances += (Instance("INV", {"A": 4, "Y": 5}),)
    wiring = Wiring({"x": Port(True, (2,)), "y": Port(False, (5,))}, instances, {})
    netlist = Synthesis("late", cells, {"INV": 2, "XOR2": 1}, 0.0, None, "", "", wiring)
    power = power_of(netlist, {"x": np.array([0, 1, 0, 1])})
    assert power.functional == pytest.approx(3.0)  # two pins on x, one behind the inverter
    assert power.total == pytest.approx(5.0)  # and two toggles of y's inverter's input


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("!(A*B)", "1110"),
        ("(A' B) + (A B')", "0110"),
        ("!A & B", "0100"),
        ("(A ^ B)'", "1001"),
        ("!((A + B) * !A)", "1011"),
    ],
)
def test_cell_functions_are_read(text: str, truth: str) -> None:
    pins = "pin (A) { direction : input; } pin (B) { direction : input; }"
    cell = f'cell (C) {{ {pins} pin (Y) {{ direction : output; function : "{text}"; }} }}'
    model = cell_model(Library("", LIBERTY, {"C": cell}), "C")
    a, b = np.array([False, False, True, True]), np.array([False, True, False, True])
    found = model.functions["Y"]({"A": a, "B": b})
    assert "".join(str(int(bit)) for bit in found) == truth


def test_groups_are_parsed() -> None:
    group = parse_group(INVERTER)
    assert (group.kind, group.argument, group.attributes["area"]) == ("cell", "INV", "1")
    output = group.all("pin")[1]
    assert output.attributes["function"] == "(!A)"
    assert output.all("internal_power")[0].all("fall_power")[0].attributes["values"].split() == [
        "1,", "1", ",", "4,", "6",
    ]  # fmt: skip


@pytest.mark.skipif(
    importlib.util.find_spec("pyosys") is None and shutil.which("yosys") is None,
    reason="Yosys is not installed",
)
@pytest.mark.parametrize("latency", [0, 2])
def test_the_gates_of_a_unit_compute_its_table(latency: int) -> None:
    pytest.importorskip("pycde")
    byte = Quantization(8, True, 2.0**-4)
    table = Table((-30, 7), (0, 12, 64), (0, 5, 0), intercept_shift=4, result_shift=6)
    unit = TableUnit("unit", "gelu", table, byte, byte, latency=latency)
    text = systemverilog.emit(ModuleOp([build_unit(unit, styles()["compare"])]))
    netlist = synthesize(text, "unit", effort="quick")
    q = byte.values
    found = settled(netlist, {"x": q}, "y")
    wanted = table.evaluate(q, byte) & 255
    assert np.array_equal(found[latency:], wanted[: len(q) - latency])
    power = power_of(netlist, {"x": q})
    assert 0 < power.functional < power.total


def test_feedback_is_refused() -> None:
    wiring = Wiring(
        {"clock": Port(True, (2,)), "y": Port(False, (4,))},
        (Instance("DFF", {"CK": 2, "D": 3, "Q": 4}), Instance("INV", {"A": 4, "Y": 3})),
        {},
    )
    toggle = Synthesis("toggle", generic_library(), {"DFF": 1, "INV": 1}, 0, None, "", "", wiring)
    with pytest.raises(BackendError, match="registers feed back"):
        power_of(toggle)
