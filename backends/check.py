"""
What is known of every hardware module of a program, each checked as far as it can be.

Units of fixed tables are proved (`prove`); streaming units are simulated against their integer
semantics while both sides stall (`simulate_rows`); programmable integer units are simulated with
each table of the program written into them; of anything else nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends import systemverilog
from lut_opt.backends.programmed import Input, Ports, drive
from lut_opt.backends.prove import prove
from lut_opt.backends.row_bench import Stalls, sample
from lut_opt.backends.simulate import stimuli
from lut_opt.backends.simulate_rows import simulate_rows
from lut_opt.backends.systemverilog import BackendError
from lut_opt.dialects.pwl import TableAttr
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.passes.hw.program import Write
from lut_opt.passes.hw.programmable_unit import Program, programs_of
from lut_opt.passes.hw.row_attributes import row_unit_of
from lut_opt.passes.hw.unit import Unit

DRIVEN = frozenset({"clock", "write_enable", "address", "data", "x", "y"})
"""Ports of the programmable units that can be asked by themselves."""

STALLS = Stalls(share=0.3, seed=1)
"""How both sides of a streaming unit pause."""


def _programs(op: hw.HWModuleOp) -> list[Program]:
    """The tables of a programmable unit, if it is of integers and has no clock but one."""
    ports = {port.port_name.data for port in op.module_type.ports}
    if "pwl.input_bits" not in op.attributes or ports - DRIVEN:
        return []
    return programs_of(op) or []


def _run_programs(
    text: str, op: hw.HWModuleOp, programs: Sequence[Program]
) -> tuple[int, str | None]:
    """Write each table into a programmable unit and ask it: how many inputs, and what is wrong."""
    steps: list[Write | Input] = []
    asked: list[tuple[str, int, int]] = []
    for program in programs:
        table, operand, result = (program.attributes[k] for k in ("table", "operand", "result"))
        assert isinstance(table, TableAttr)
        assert isinstance(operand, UniformQuantizedType)
        assert isinstance(result, UniformQuantizedType)
        sides = operand.quantization, result.quantization
        x = stimuli(Unit("", program.function, table.data, *sides))
        y = table.data.evaluate(x, sides[1]) & ((1 << sides[1].bits) - 1)
        steps += [*program.writes, *map(Input, x.tolist())]
        asked += [(program.function, *pair) for pair in zip(x.tolist(), y.tolist(), strict=True)]
    got = drive(text, Ports.of(op), steps)
    for (function, x, wanted), actual in zip(asked, got, strict=True):
        if actual != wanted:
            return len(asked), f"{function}: x = {x} gives bits {actual}, not {wanted}"
    return len(asked), None


def check(module: ModuleOp, verilog: str | None = None) -> list[str]:
    """
    A line for each hardware module, in order, which never says more than is true.

    `verilog` is what to check instead of the text that `systemverilog.emit` writes. Raises
    `BackendError` for a module that computes something else than it says, or if there is none.
    """
    modules = [op for op in module.walk() if isinstance(op, hw.HWModuleOp)]
    if not modules:
        raise BackendError("there is no hardware to prove: run --convert-pwl-to-hw first")
    text = systemverilog.emit(module) if verilog is None else verilog
    proofs = prove(module, text)
    lines = {proof.module: str(proof) for proof in proofs}
    wrong = [str(proof) for proof in proofs if proof.refuted]
    for unit in filter(None, map(row_unit_of, modules)):
        (result,) = simulate_rows(text, [stimulus := sample(unit)], STALLS)
        lines[unit.module] = (
            f"{unit.module}: checked: {result.elements} results of {len(stimulus.rows)} rows, "
            "both sides stalling"
        )
        if not result.passed:
            wrong.append(str(result))
    for op in modules:
        if programs := _programs(op):
            count, first = _run_programs(text, op, programs)
            name = op.sym_name.data
            lines[name] = f"{name}: checked: {count} samples of {len(programs)} tables written"
            wrong += [] if first is None else [f"{name}: wrong: {first}"]
    if wrong:
        raise BackendError("; ".join(wrong))
    names = [op.sym_name.data for op in modules]
    return [lines.get(name, f"{name}: not checked: not a unit with a check") for name in names]
