"""
Element-wise loops as vectors, written out in MLIR.

LLVM vectorizes such loops by itself, but first widens what is chosen by comparisons to the type
that it is used in: selects of 16 bits become twice as many of 32. Vectors keep their types.
"""

from __future__ import annotations

from typing import Any

from lut_opt.backends.execute import transform
from lut_opt.backends.execute.generic import Generic, bits, generics

_BYTES = 32
"""Of a vector of the narrowest type in a loop; wider types take several."""

_LANES = (8, 32)
"""Fewest and most lanes of a vector."""

_STORED = (8, 16, 32, 64)
"""Widths that lie in memory as they lie in vectors."""

_EMULATED = ("f16", "bf16")
"""Floats whose arithmetic is that of f32: they are expanded one by one."""

_MATH = ("math.roundeven", "math.ctlz", "math.absi", "math.absf")
"""Functions that are instructions; others are calls."""

_MARK = "lut_opt.vectors"

_CLEANED = """%functions = transform.structured.match ops{["func.func"]} in %root : (!any) -> !any
    transform.apply_patterns to %functions {
      transform.apply_patterns.vector.cast_away_vector_leading_one_dim
      transform.apply_patterns.canonicalization
    } : !any"""


def vectorize(module: Any) -> None:
    """Vectorize the element-wise loops of a module on tensors, in place."""
    groups: dict[tuple[int, ...], int] = {}
    for generic in generics(module):
        sizes = _tile_sizes(generic)
        if sizes is not None:
            transform.mark(generic.op, _MARK, groups.setdefault(sizes, len(groups)))
    if groups:
        lines = [*transform.vectorized(_MARK, groups), _CLEANED]
        transform.apply(module, lines, "the vectorization of loops")


def _tile_sizes(generic: Generic) -> tuple[int, ...] | None:
    """One vector along the last loop; None for what stays as it is."""
    if not generic.kinds or not generic.is_parallel or None in generic.sizes:
        return None
    last = len(generic.kinds) - 1
    if any(last in axes[:-1] for axes in generic.axes):
        return None  # strided
    widths = _widths(generic)
    if widths is None:
        return None
    fewest, most = _LANES
    wanted = min(max(8 * _BYTES // min(widths), fewest), most)
    lanes = transform.divisor(generic.sizes[last], wanted)
    return None if lanes < fewest else (*(1 for _ in range(last)), lanes)


def _widths(generic: Generic) -> list[int] | None:
    """The widths of all values but bits; None where some op or type is of another kind."""
    values = [value for op in generic.body for value in (*op.operands, *op.results)]
    kinds = [*generic.elements, *(value.type for value in values)]
    if any(bits(kind) not in _STORED for kind in generic.elements):
        return None
    if any(str(kind) in _EMULATED for kind in kinds):
        return None
    widths = [bits(kind) for kind in generic.elements]
    for op in generic.body:
        if not op.name.startswith("arith.") and op.name not in (*_MATH, "linalg.yield"):
            return None
        widths += [bits(result.type) for result in op.results]
    known = [width for width in widths if width is not None]
    return None if len(known) < len(widths) else [width for width in known if width > 1]
