"""
Loops that differ only in constants take them from outside, so that a compiler sees one loop.

Layer after layer of a network has the same loops with tables and scales of its own. IREE compiles
equal loops once, and what comes from outside of a loop is an argument of its code: constants are
hidden there behind a barrier, which IREE passes on, but does not look through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from lut_opt.backends.execute.bindings import bindings, operations, owner
from lut_opt.backends.execute.vector_code import name

_BARRIER = "util.optimization_barrier"
"""Of IREE, which the bindings do not know: it is printed in generic form."""

_KEPT = ("arith.shli", "arith.shrsi", "arith.shrui", "arith.divsi", "arith.divui")
"""What is slower by an unknown amount: loops that differ in these are different."""


@dataclass(frozen=True)
class _Loop:
    """A `linalg.generic`, where its body uses constants, and all else that it is."""

    op: Any
    uses: list[tuple[Any, int]] = field(default_factory=list[tuple[Any, int]])
    """Operations and the numbers of their operands."""
    rest: list[str] = field(default_factory=list[str])

    def constants(self) -> list[Any]:
        """The constant of each use."""
        return [owner(op.operands[operand]) for op, operand in self.uses]


def share(module: Any) -> None:
    """Take constants that differ from equal loops, in place; a module on tensors."""
    groups: dict[str, list[_Loop]] = {}
    for op in operations(module):
        if op.name == "linalg.generic" and (loop := _read(op)) is not None:
            groups.setdefault("\n".join(loop.rest), []).append(loop)
    module.context.allow_unregistered_dialects = True
    for loops in groups.values():
        values = [[str(each.attributes["value"]) for each in loop.constants()] for loop in loops]
        differing = [i for i, column in enumerate(zip(*values, strict=True)) if len({*column}) > 1]
        for loop in loops:
            _take(module, loop, differing)


def _read(op: Any) -> _Loop | None:
    """None of a loop with regions inside, which hide what they use."""
    loop = _Loop(op)
    block = op.regions[0].blocks[0]
    numbers = {argument: f"%{i}" for i, argument in enumerate(block.arguments)}
    loop.rest.append(" ".join(str(op.attributes[key]) for key in op.attributes))
    loop.rest.append(" ".join(str(operand.type) for operand in op.operands))
    for inner in (each.operation for each in block.operations):
        if list(inner.regions):
            return None
        if inner.name == "arith.constant":
            continue
        words = [inner.name, *(f"{key}={inner.attributes[key]}" for key in inner.attributes)]
        for place, operand in enumerate(inner.operands):
            known = _is_scalar_constant(operand)
            if known and inner.name in _KEPT:
                words.append(str(owner(operand).attributes["value"]))
                continue
            if known:
                loop.uses.append((inner, place))
            words.append(f"{numbers.get(operand, 'other')}: {operand.type}")
        for result in inner.results:
            numbers[result] = f"%{len(numbers)}"
        loop.rest.append(" ".join(words))
    return loop


def _take(module: Any, loop: _Loop, differing: list[int]) -> None:
    """Give these uses of constants the constants behind a barrier, each made once."""
    ir = bindings("ir")
    before = ir.InsertionPoint(loop.op)
    hidden: dict[Any, Any] = {}
    constants = loop.constants()
    with module.context, loop.op.location:
        for i in differing:
            constant, (op, place) = constants[i], loop.uses[i]
            if constant not in hidden:
                (own,) = constant.clone(before).results
                hidden[constant] = ir.Operation.create(
                    _BARRIER, results=[own.type], operands=[own], ip=before
                ).result
            op.operands[place] = hidden[constant]


def _is_scalar_constant(value: Any) -> bool:
    """An integer of more than one bit, or a float."""
    kind = str(value.type)
    is_scalar = re.fullmatch(r"[if]\d+", kind) is not None and kind != "i1"
    return is_scalar and name(value) == "arith.constant"
