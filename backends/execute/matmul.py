"""
Matrix products as register tiles: without this, they are scalar loops with a serial sum.

Each `linalg.matmul` and `linalg.batch_matmul` on tensors, and each `linalg.generic` with their maps
(products of integers), is tiled and vectorized by a transform script, so that a tile of the result
stays in vector registers over the innermost loop. A tile size divides its dimension; a dynamic
dimension is taken one row at a time.
"""

from __future__ import annotations

from typing import Any

from lut_opt.backends.execute import transform
from lut_opt.backends.execute.lowering import bindings, operations

_ROWS, _COLUMNS, _DEPTH = 8, 32, 4
_MARK = "lut_opt.matmul"
_PRODUCTS = ("linalg.matmul", "linalg.batch_matmul", "linalg.generic")

_VECTORS = """%functions = transform.structured.match ops{["func.func"]} in %root : (!any) -> !any
    transform.apply_patterns to %functions {
      transform.apply_patterns.vector.sink_ops
      transform.apply_patterns.vector.cast_away_vector_leading_one_dim
      transform.apply_patterns.vector.reduction_to_contract
      transform.apply_patterns.vector.transfer_permutation_patterns
      transform.apply_patterns.canonicalization
    } : !any
    %loops = transform.structured.match ops{["scf.for"]} in %functions : (!any) -> !any
    transform.loop.hoist_loop_invariant_subsets %loops : !any
    transform.apply_patterns to %functions {
      transform.apply_patterns.vector.lower_contraction lowering_strategy = "outerproduct"
      transform.apply_patterns.vector.lower_outerproduct
      transform.apply_patterns.vector.lower_broadcast
      transform.apply_patterns.canonicalization
    } : !any"""


def tile(module: Any) -> None:
    """Tile and vectorize the matrix products of a module on tensors, in place."""
    ir = bindings("ir")
    groups: dict[tuple[int, ...], int] = {}
    for op in operations(module):
        sizes = _tile_sizes(op, ir) if op.name in _PRODUCTS else None
        if sizes is not None:
            transform.mark(op, _MARK, groups.setdefault(sizes, len(groups)))
    if groups:
        transform.apply(
            module, [*transform.vectorized(_MARK, groups), _VECTORS], "the matmul tiling"
        )


def _tile_sizes(op: Any, ir: Any) -> tuple[int, ...] | None:
    """Tile sizes of rows, columns and depth, batches first; None for what stays as it is."""
    maps = op.attributes["indexing_maps"] if "indexing_maps" in op.attributes else None
    kinds = [operand.type for operand in op.operands]
    if len(kinds) != 3 or not all(isinstance(kind, ir.RankedTensorType) for kind in kinds):
        return None
    if kinds[0].rank not in (2, 3):
        return None
    if maps is not None and not _is_plain(maps, len(kinds[0].shape)):
        return None
    (*batch, rows, depth), (*_, columns) = (_dims(kind) for kind in kinds[:2])
    wanted = (
        *(1 for _ in batch),
        transform.divisor(rows, _ROWS),
        transform.divisor(columns, _COLUMNS),
        transform.divisor(depth, _DEPTH),
    )
    return wanted


def _is_plain(maps: Any, rank: int) -> bool:
    """Is it A·B, with neither operand transposed or broadcast?"""
    dims = ", ".join(f"d{i}" for i in range(rank + 1))
    batch = [f"d{i}" for i in range(rank - 2)]
    m, n, k = f"d{rank - 2}", f"d{rank - 1}", f"d{rank}"
    plain = [(m, k), (k, n), (m, n)]
    expected = [f"affine_map<({dims}) -> ({', '.join((*batch, *pair))})>" for pair in plain]
    return [str(item) for item in maps] == expected


def _dims(kind: Any) -> list[int | None]:
    return [None if kind.is_dynamic_dim(i) else int(kind.shape[i]) for i in range(kind.rank)]
