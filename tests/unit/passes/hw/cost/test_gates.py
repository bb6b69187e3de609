"""The cost model's network of gates computes what the module computes, each function once."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import comb, hw
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import Block, SSAValue

from lut_opt.dialects.pwl import Table
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.builder.circuit import Circuit
from lut_opt.passes.hw.cost.gate_count import count_gates, evaluate_gates
from lut_opt.passes.hw.cost.gates import Bits, GateCount, Gates
from lut_opt.passes.hw.table_unit.circuits import styles
from lut_opt.passes.hw.table_unit.unit import build_unit

BYTE = Quantization(8, True, 2.0**-4)
GELU = Table(
    (-50, -35, -18, -9, 3, 12, 28),
    (0, -4, -8, 2, 20, 45, 70, 64),
    (0, -12, -20, -9, 0, -6, -27, 0),
    intercept_shift=4,
    result_shift=6,
)
ODD = Table((-11, -2, 3, 12), (64, 30, 20, 30, 64), (9, 1, 0, -1, -9), 2, 3)


def integers(bits: Bits, inputs: int) -> list[int]:
    """The unsigned integer on some wires, for every input."""
    return [sum((bit >> at & 1) << i for i, bit in enumerate(bits)) for at in range(inputs)]


def results(module: hw.HWModuleOp, inputs: int) -> list[int]:
    """What a module puts out, for every input."""
    _, values = evaluate_gates(module)
    (output,) = (op for op in module.body.block.ops if isinstance(op, hw.OutputOp))
    return integers(values[output.operands[0]], inputs)


@pytest.mark.parametrize("table", [GELU, ODD], ids=["gelu", "odd"])
@pytest.mark.parametrize("operand", [BYTE, Quantization(8, False, 2.0**-4)], ids=["i8", "u8"])
def test_every_implementation_has_gates_that_compute_the_table(
    table: Table, operand: Quantization
) -> None:
    unit = TableUnit("unit", "f", table, operand, BYTE)
    ways = [way for way, style in styles().items() if style.obstacle(table, operand) is None]
    assert {"compare", "onehot", "decode", "rows", "direct"} <= set(ways)
    stored = np.arange(256)
    if operand.signed:
        stored = np.where(stored > 127, stored - 256, stored)
    wanted = [value & 255 for value in table.evaluate(stored, BYTE).tolist()]
    for way in ways:
        assert results(build_unit(unit, styles()[way]), 256) == wanted, way


def test_adders_are_full_adders() -> None:
    gates = Gates(4)
    a, b = gates.inputs[:2], gates.inputs[2:]
    total = gates.add([[*a, 0], [*b, 0]])
    assert integers(total, 16) == [(at & 3) + (at >> 2) for at in range(16)]
    # A half adder (and, exclusive-or), then a full one: two exclusive-ors and a majority.
    assert gates.needed(total).kinds == {"and": 1, "xor": 3, "mux": 1, "register": 0}


def test_equal_and_opposite_functions_are_one_gate() -> None:
    gates = Gates(2)
    a, b = gates.inputs
    true = gates.true
    same = [gates.both(a, b), gates.either(a ^ true, b ^ true), gates.choose(a, b, 0)]
    assert gates.needed(same).kinds["and"] == 1
    assert gates.differ(gates.differ(a, b), b) == a
    assert gates.needed([gates.differ(a, a), true, a]) == GateCount(
        {"and": 0, "xor": 0, "mux": 0, "register": 0}, 0.0
    )


def test_a_gate_switches_as_often_as_its_inputs_make_it() -> None:
    gates = Gates(2)
    a, b = gates.inputs
    assert gates.needed([gates.differ(a, b)]).switching == 0.5
    # True for one input of four: 2 · 1/4 · 3/4.
    assert gates.needed([gates.both(a, b)]).switching == 0.375


def module(width: int, body: type[comb.AddOp | comb.MulOp]) -> hw.HWModuleOp:
    """x op x."""
    unit = build_unit(TableUnit("unit", "f", ODD, Quantization(width, True, 1.0), BYTE))
    block: Block = unit.body.block
    for op in reversed(list(block.ops)):
        op.detach()
        op.erase(safe_erase=False)
    circuit, x = Circuit(block), block.args[0]
    value: SSAValue = circuit.add_op(body([x, x], IntegerType(width)))
    circuit.output([circuit.extract(value, 0, 8)])
    return unit


def test_wider_inputs_than_can_be_listed_are_drawn_at_random() -> None:
    # x + x is a shift of x: no gates.
    assert count_gates(module(24, comb.AddOp)).kinds["mux"] == 0
    wide = TableUnit("unit", "f", ODD, Quantization(24, True, 1.0), BYTE)
    assert count_gates(build_unit(wide)).kinds["mux"] > 0


def test_registers_count_their_bits_and_hide_no_gates() -> None:
    plain = count_gates(build_unit(TableUnit("unit", "f", GELU, BYTE, BYTE))).kinds
    staged = count_gates(build_unit(TableUnit("unit", "f", GELU, BYTE, BYTE, latency=1))).kinds
    assert staged == {**plain, "register": 8}


def test_what_is_no_fixed_unit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"does not know comb\.mul: use cost=synthesis"):
        count_gates(module(8, comb.MulOp))
