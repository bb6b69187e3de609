"""Transform scripts: which loops become tiles and vectors, told to MLIR's own interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lut_opt.backends.execute.lowering import bindings, explain

CLEANED = """%functions = transform.structured.match ops{["func.func"]} in %root : (!any) -> !any
    transform.apply_patterns to %functions {
      transform.apply_patterns.tensor.fold_tensor_empty
      transform.apply_patterns.canonicalization
    } : !any
    transform.apply_cse to %functions : !any"""


def apply(module: Any, lines: Sequence[str], what: str) -> None:
    """Run the lines on a module, `%root`, in place; `!any` stands for the type of all handles."""
    ir = bindings("ir")
    interpreter = bindings("dialects.transform.interpreter")
    body = "\n    ".join((*lines, "transform.yield"))
    script = (
        "module attributes {transform.with_named_sequence} {\n"
        "  transform.named_sequence @__transform_main(%root: !any {transform.readonly}) {\n"
        f"    {body}\n  }}\n}}\n"
    ).replace("!any", "!transform.any_op")
    with module.context:
        transform = ir.Module.parse(script)
        sequence = transform.body.operations[0].operation
        try:
            interpreter.apply_named_sequence(module.operation, sequence, transform.operation)
        except ir.MLIRError as error:
            raise RuntimeError(f"{what} failed: {explain(error)}") from error


def marked(attribute: str, number: int) -> str:
    """The line that names the operations with an attribute of that number, `%m<number>`."""
    return (
        f"%m{number} = transform.structured.match attributes {{{attribute} = {number} : i64}}"
        " in %root : (!any) -> !any"
    )


def mark(op: Any, attribute: str, number: int) -> None:
    """Give an operation such an attribute."""
    ir = bindings("ir")
    with op.context:
        op.attributes[attribute] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)


def tiled(number: int, sizes: Sequence[int]) -> str:
    """The line that tiles what `marked` names: `%t<number>` is the tile."""
    loops = sum(size != 0 for size in sizes)
    return (
        f"%t{number}, %l{number}:{loops} = transform.structured.tile_using_for %m{number}"
        f" tile_sizes {list(sizes)} : (!any) -> (!any{', !any' * loops})"
    )


def vectorized(attribute: str, groups: Mapping[tuple[int, ...], int]) -> list[str]:
    """The lines that tile what is marked with each number by its sizes, and vectorize the tiles."""
    return [
        line
        for sizes, number in groups.items()
        for line in (
            marked(attribute, number),
            tiled(number, sizes),
            f"transform.structured.vectorize %t{number} : !any",
        )
    ]


def divisor(size: int | None, most: int) -> int:
    """The largest divisor of a size up to `most`; 1 for a dynamic or empty dimension."""
    if not size:
        return 1
    return next(d for d in range(min(size, most), 0, -1) if size % d == 0)
