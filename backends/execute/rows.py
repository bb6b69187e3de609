"""
Rows in cache: a softmax or a norm takes a few rows at a time, not the whole tensor.

What a row needs is a chain of `linalg.generic`: reductions along it, what it has once, results for
all of its elements. The last of a chain is tiled, a few rows a tile, and what it needs is computed
tile by tile with it: temporaries then have the size of a tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lut_opt.backends.execute import transform
from lut_opt.backends.execute.generic import Generic, generics
from lut_opt.backends.execute.lowering import bindings

_ROWS = 16
"""Rows of a tile, at most: what rows have once fills a vector."""

_MARK = "lut_opt.rows"


@dataclass(frozen=True)
class _Chain:
    """The last of a chain, and by op what it needs before: to each of their loops one of its."""

    last: Generic
    loops: dict[Any, dict[int, int]]
    members: dict[Any, Generic]

    def tile_sizes(self) -> tuple[int, ...] | None:
        """Rows of a tile, 0 for the loops along a row; None where nothing is reduced."""
        kept = set(range(len(self.last.kinds)))
        for op, member in self.members.items():
            if member.is_parallel:
                continue
            parallel = [loop for loop, kind in enumerate(member.kinds) if kind == "parallel"]
            kept &= {self.loops[op][loop] for loop in parallel if loop in self.loops[op]}
        along = [size for loop, size in enumerate(self.last.sizes) if loop not in kept]
        if not kept or not along or None in along:
            return None
        sizes = [int(loop in kept) for loop in range(len(self.last.kinds))]
        sizes[max(kept)] = transform.divisor(self.last.sizes[max(kept)], _ROWS)
        return tuple(sizes)


def fuse(module: Any) -> None:
    """Fuse what works on rows, in place; a module on tensors."""
    found = {each.op: each for each in generics(module)}
    lines: list[str] = []
    taken: set[Any] = set()
    for generic in reversed(found.values()):
        if generic.op in taken or not generic.is_parallel:
            continue
        chain = _chain(generic, found)
        sizes = chain.tile_sizes()
        if sizes is None:
            continue
        taken.update(chain.members)
        _close(chain)
        number = len(lines) // 2
        transform.mark(generic.op, _MARK, number)
        loops = sum(size != 0 for size in sizes)
        lines += [
            transform.marked(_MARK, number),
            f"%t{number}, %l{number}:{loops} = transform.structured.fuse %m{number}"
            f" tile_sizes {list(sizes)} : (!any) -> (!any{', !any' * loops})",
        ]
    if lines:
        transform.apply(module, [*lines, transform.CLEANED], "the fusion of rows")


def _chain(last: Generic, found: dict[Any, Generic]) -> _Chain:
    """What only `last` needs, directly or through others."""
    chain = _Chain(
        last, {last.op: {loop: loop for loop in range(len(last.kinds))}}, {last.op: last}
    )
    for op, generic in reversed(found.items()):
        users = [(use.owner, use.operand_number) for result in op.results for use in result.uses]
        if op in chain.members or not users:
            continue
        if not all(owner in chain.members for owner, _ in users):
            continue
        chain.members[op] = generic
        chain.loops[op] = _loops(generic, users, chain)
    return chain


def _loops(generic: Generic, users: list[tuple[Any, int]], chain: _Chain) -> dict[int, int]:
    """Which loops of the last one walk through the results of `generic` as its own loops do."""
    agreed: dict[int, int] = {}
    clashing: set[int] = set()
    for owner, operand in users:
        result = generic.axes[-1]
        for own, other in zip(result, chain.members[owner].axes[operand], strict=True):
            target = chain.loops[owner].get(other)
            if target is None or agreed.setdefault(own, target) != target:
                clashing.add(own)
    return {own: target for own, target in agreed.items() if own not in clashing}


def _close(chain: _Chain) -> None:
    """Keep what others need, too, out of the chain: a cast to the same type, folded later."""
    ir = bindings("ir")
    for op in chain.members:
        for place, operand in enumerate(op.operands):
            owner = operand.owner
            if isinstance(owner, ir.Block) or owner in chain.members or _is_start(owner):
                continue
            with op.location, ir.InsertionPoint(op):
                kept = ir.Operation.create("tensor.cast", [operand.type], [operand])
            op.operands[place] = kept.result


def _is_start(op: Any) -> bool:
    """Whether an op makes a tensor of one constant, or of nothing: every tile can have its own."""
    if op.name in ("tensor.empty", "arith.constant", "linalg.fill"):
        return True
    return op.name == "linalg.generic" and len(op.operands) == len(op.results)
