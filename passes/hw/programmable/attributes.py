"""
What a programmable unit says of itself in the attributes of its module.

Whoever simulates, proves or delivers it reads that here, and needs nothing else of its making.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.dialects import hw
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, StringAttr, i64
from xdsl.ir import Attribute
from xdsl.utils.hints import isa

from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.programmable.program import Layout, Write
from lut_opt.passes.support.diagnostics import OpError, about


@dataclass(frozen=True)
class Program:
    """The writes that load one table; `attributes` are facts about it for whoever reads the IR."""

    function: str
    writes: tuple[Write, ...]
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class Programmable:
    """
    A programmable unit as its module describes it.

    Integer units have an `operand` and a `result`, of which bits, sign and bounds count: scales are
    data. Single-precision units have none, and say whether they `flush` subnormal numbers.
    """

    module: str
    layout: Layout
    latency: int
    operand: Quantization | None = None
    result: Quantization | None = None
    flush: bool = False


def programmable_of(op: hw.HWModuleOp) -> Programmable | None:
    """
    What a module says of itself; None for one that is not programmable.

    Raises `OpError` for attributes that say only a part.
    """
    found = op.attributes.get("pwl.layout")
    if not isa(found, DictionaryAttr):
        return None
    with about(op):
        try:
            return _read(op, found)
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"the attributes are not those of a programmable unit: {error}"
            ) from error


def _read(op: hw.HWModuleOp, layout: DictionaryAttr) -> Programmable:
    facts = _integers(layout)
    shifts = facts.pop("intercept_shift_bits"), facts.pop("result_shift_bits")
    numbers = _integers(DictionaryAttr(op.attributes))
    unit = Programmable(
        op.sym_name.data, Layout(**facts, shift_bits=shifts), numbers["pwl.latency"]
    )
    if "pwl.format" in numbers:
        return replace(unit, flush=bool(numbers["pwl.flush"]))
    sides = [
        Quantization(numbers[f"pwl.{side}_bits"], bool(numbers[f"pwl.{side}_signed"]), 1.0)
        for side in ("input", "result")
    ]
    bounds = op.attributes["pwl.result_range"]
    if not isa(bounds, ArrayAttr[IntegerAttr]) or len(bounds) != 2:
        raise TypeError("pwl.result_range is not a pair of numbers")
    low, high = (bound.value.data for bound in bounds)
    result = replace(sides[1], minimum=low, maximum=high)
    return replace(unit, operand=sides[0], result=result)


def layout_attributes(layout: Layout) -> dict[str, Attribute]:
    """The words of a unit."""
    left, right = layout.shift_bits
    widths = {
        "entries": layout.entries,
        "slope_bits": layout.slope_bits,
        "intercept_bits": layout.intercept_bits,
        "breakpoint_bits": layout.breakpoint_bits,
        "intercept_shift_bits": left,
        "result_shift_bits": right,
    }
    return {"pwl.layout": DictionaryAttr({k: IntegerAttr(v, i64) for k, v in widths.items()})}


def _integers(attributes: DictionaryAttr) -> dict[str, int]:
    return {
        name: value.value.data for name, value in attributes.data.items() if isa(value, IntegerAttr)
    }


def programs_of(op: hw.HWModuleOp) -> list[Program] | None:
    """
    The programs of a programmable unit; None for any other module.

    Raises `OpError` for one that is not a function and its writes.
    """
    found = op.attributes.get("pwl.programs")
    if not isa(found, ArrayAttr[DictionaryAttr]):
        return None
    programs: list[Program] = []
    for row in found:
        facts = dict(row.data)
        function, writes = facts.pop("function", None), facts.pop("writes", None)
        if not isinstance(function, StringAttr) or not isa(
            writes, ArrayAttr[ArrayAttr[IntegerAttr]]
        ):
            raise OpError(op, "pwl.programs has a program without a function or without writes")
        pairs = [[number.value.data for number in write] for write in writes]
        if any(len(pair) != 2 for pair in pairs):
            raise OpError(op, "pwl.programs has a write that is not an address and a word")
        programs.append(Program(function.data, tuple(Write(a, d) for a, d in pairs), facts))
    return programs


def describe_programs(op: hw.HWModuleOp, programs: Sequence[Program]) -> None:
    """Put the programs into a module's attributes."""
    op.attributes["pwl.programs"] = ArrayAttr(
        DictionaryAttr(
            {
                "function": StringAttr(program.function),
                "writes": ArrayAttr(
                    ArrayAttr([IntegerAttr(n, i64) for n in write]) for write in program.writes
                ),
                **program.attributes,
            }
        )
        for program in programs
    )
