"""
Tables in registers: what a chain of comparisons chooses, by byte shuffles of AVX2.

A chain that chooses among n constants is n − 1 comparisons and as many selects, for slopes and
intercepts apart. Here the comparisons are counted, and the count addresses a table of at most 16
bytes in a register: one shuffle for 8 entries of 16 bits, two for 16. Other processors keep the
chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lut_opt.backends.execute.lowering import operations
from lut_opt.backends.execute.vector_code import Code, lanes, name, splat

_SIGNED, _UNSIGNED = 5, 9
"""`arith.cmpi` predicates of a chain, `sge` and `uge`."""

_FEWEST_BOUNDS = 3
"""Of a chain that is worth it."""

_ENTRIES = 16
"""Most entries of a table in a register."""

_BYTES = 32
"""Of a register, whose halves have a table each."""

_SHUFFLE = "llvm.x86.avx2.pshuf.b"


@dataclass(frozen=True)
class _Chain:
    """`values[i]` where `bounds[i − 1] ≤ q`, for the largest such i; `last` is the select."""

    last: Any
    q: Any
    predicate: int
    bounds: tuple[int, ...]
    values: tuple[int, ...]

    def between(self, bounds: Sequence[int]) -> Any:
        """The values between more bounds."""
        places = [0, *(sum(own <= bound for own in self.bounds) for bound in bounds)]
        return np.array([self.values[place] for place in places])


@cache
def is_supported() -> bool:
    """Whether this processor has the instructions, as Linux tells."""
    try:
        return "avx2" in Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False


def use(module: Any) -> None:
    """Replace the chains of a module's vectors, in place, where the processor can."""
    if not is_supported():
        return
    groups: dict[tuple[Any, ...], list[_Chain]] = {}
    for op in operations(module):
        if op.name == "arith.select" and (chain := _chain(op)) is not None:
            groups.setdefault((op.block, chain.q, chain.predicate), []).append(chain)
    for chains in groups.values():
        _replace(chains)


def _chain(last: Any) -> _Chain | None:
    """The chain that ends in a select; None for one that goes on, and for other selects."""
    if any(use.operand_number == 2 and _link(use.owner) for use in last.result.uses):
        return None
    links: list[tuple[Any, int, int, int]] = []
    value: Any = last.result
    while name(value) == "arith.select" and (link := _link(value.owner)) is not None:
        links.append(link)
        value = value.owner.operands[2]
    start = splat(value)
    bounds = [bound for _, _, bound, _ in links]
    if start is None or not links or bounds != sorted(set(bounds), reverse=True):
        return None
    q, predicate, *_ = links[0]
    if any(other != q or found != predicate for other, found, *_ in links):
        return None
    values = (start, *(chosen for *_, chosen in reversed(links)))
    return _Chain(last, q, predicate, tuple(bounds[::-1]), values)


def _link(op: Any) -> tuple[Any, int, int, int] | None:
    """What a select compares, how, with which constant, and the constant where that holds."""
    if op.name != "arith.select" or name(op.operands[0]) != "arith.cmpi":
        return None
    compare = op.operands[0].owner
    predicate = int(compare.attributes["predicate"])
    bound, chosen = splat(compare.operands[1]), splat(op.operands[1])
    shape = lanes(compare.operands[1].type)
    if predicate not in (_SIGNED, _UNSIGNED) or bound is None or chosen is None or shape is None:
        return None
    if predicate == _UNSIGNED:
        bound %= 1 << shape[1]
    return compare.operands[0], predicate, bound, chosen


def _replace(chains: list[_Chain]) -> None:
    """All chains on the same value share one count."""
    q = chains[0].q
    count, width = lanes(q.type) or (0, 0)
    bounds = sorted({bound for chain in chains for bound in chain.bounds})
    results = [lanes(chain.last.result.type) for chain in chains]
    if any(result is None or result[1] not in (8, 16) for result in results):
        return
    if not _FEWEST_BOUNDS <= len(bounds) < _ENTRIES:
        return
    if width not in (8, 16) or count * width % (8 * _BYTES):
        return
    code = Code(chains[0].last)
    # Where 8 entries are enough, upper bytes address the upper half of one table.
    upper = _ENTRIES // 2 if width == 16 and len(bounds) < _ENTRIES // 2 else 0
    place = code.constant(np.resize([0, upper] if width == 16 else [0], count * width // 8), 8)
    for bound in bounds:
        here = code.cast(code.compare(chains[0].predicate, q, bound), 8)
        place = code.op("arith.subi", [place, here], (count * width // 8, 8))
    for chain, result in zip(chains, results, strict=True):
        assert result is not None
        values = chain.between(bounds)
        found = (
            _look_up_words(code, place, values, result[1], upper)
            if width == 16
            else _look_up_bytes(code, place, values, result[1])
        )
        chain.last.result.replace_all_uses_with(found)


def _look_up_words(code: Code, place: Any, values: Any, bits: int, upper: int) -> Any:
    """Values for places in both bytes of words."""
    low, high = values & 0xFF, values >> 8 & 0xFF
    if bits == 8 or upper:
        entries = np.zeros(_ENTRIES, np.int64)
        entries[: len(values)] = low
        if upper:
            entries[upper : upper + len(values)] = high
        words = code.cast(_shuffle(code, entries, place), 16)
        count, _ = lanes(words.type) or (0, 0)
        return words if bits == 16 else code.op("arith.trunci", [words], (count, 8))
    count, _ = lanes(place.type) or (0, 0)
    alternate = [lane + count * (lane % 2) for lane in range(count)]
    mixed = code.shuffle(_shuffle(code, low, place), _shuffle(code, high, place), alternate)
    return code.cast(mixed, 16)


def _look_up_bytes(code: Code, place: Any, values: Any, bits: int) -> Any:
    """Values for places in bytes."""
    low = _shuffle(code, values & 0xFF, place)
    if bits == 8:
        return low
    count, _ = lanes(place.type) or (0, 0)
    high = _shuffle(code, values >> 8 & 0xFF, place)
    pairs = [lane + which for lane in range(count) for which in (0, count)]
    return code.cast(code.shuffle(low, high, pairs), 16)


def _shuffle(code: Code, entries: Any, place: Any) -> Any:
    """Bytes of a table at places, a register at a time."""
    count, _ = lanes(place.type) or (0, 0)
    table = np.zeros(_ENTRIES, np.uint8)
    table[: len(entries)] = entries
    register = code.constant(np.tile(table, _BYTES // _ENTRIES).view(np.int8), 8)
    parts: list[Any] = []
    for first in range(0, count, _BYTES):
        part = code.shuffle(place, place, range(first, first + _BYTES))
        parts.append(code.intrinsic(_SHUFFLE, [register, part], (_BYTES, 8)))
    while len(parts) > 1:
        left, right = parts.pop(0), parts.pop(0)
        size, _ = lanes(left.type) or (0, 0)
        parts.append(code.shuffle(left, right, range(2 * size)))
    return parts[0]
