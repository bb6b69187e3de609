"""What a `linalg.generic` says of itself: its loops, and how its operands lie in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lut_opt.backends.execute.lowering import bindings, operations


@dataclass(frozen=True)
class Generic:
    """A `linalg.generic` on ranked tensors whose operands' axes are loops of it."""

    op: Any
    kinds: tuple[str, ...]
    """`parallel` or `reduction`, a loop each."""
    axes: tuple[tuple[int, ...], ...]
    """The loop of each axis of each operand."""
    sizes: tuple[int | None, ...]
    """Iterations of each loop, None for a dynamic size."""

    @property
    def is_parallel(self) -> bool:
        """Whether no loop is a reduction."""
        return all(kind == "parallel" for kind in self.kinds)

    @property
    def body(self) -> list[Any]:
        """The operations of one step."""
        return [each.operation for each in self.op.regions[0].blocks[0].operations]

    @property
    def elements(self) -> list[Any]:
        """The types of the elements, one an operand."""
        return [argument.type for argument in self.op.regions[0].blocks[0].arguments]


def generics(module: Any) -> list[Generic]:
    """Those of a module, in order, but for what reads its operands in any other way."""
    found = (read(op) for op in operations(module) if op.name == "linalg.generic")
    return [each for each in found if each is not None]


def read(op: Any) -> Generic | None:
    """What an operation `linalg.generic` says, None for one with maps of another kind."""
    ir = bindings("ir")
    kinds = tuple(re.findall(r"\w+(?=>)", str(op.attributes["iterator_types"])))
    axes: list[tuple[int, ...]] = []
    sizes: dict[int, int | None] = {}
    for item, operand in zip(op.attributes["indexing_maps"], op.operands, strict=True):
        results = str(item).partition("->")[2].strip("() >")
        loops = [each.strip() for each in results.split(",") if each.strip()]
        if not all(re.fullmatch(r"d\d+", each) for each in loops):
            return None
        if not isinstance(operand.type, ir.RankedTensorType):
            return None
        axes.append(tuple(int(each[1:]) for each in loops))
        for axis, loop in enumerate(axes[-1]):
            dynamic = operand.type.is_dynamic_dim(axis)
            sizes[loop] = None if dynamic else int(operand.type.shape[axis])
    if len(sizes) != len(kinds):
        return None
    return Generic(op, kinds, tuple(axes), tuple(sizes[loop] for loop in range(len(kinds))))


def bits(kind: Any) -> int | None:
    """The width of an integer or float type, None for others."""
    match = re.fullmatch(r"b?[if](\d+)", str(kind))
    return int(match[1]) if match else None
