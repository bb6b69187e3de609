"""
Sums of integer products in pairs, of AVX2.

`vpmaddwd` multiplies neighbours of 16 bits and adds the two products in 32 bits: half as many
instructions as a product and a sum of 32 bits each. A matrix product's tile adds, for each of its
rows, one element of the left operand times a row of the right one after the other; two of these
become one, with the rows of the right operand side by side, which all rows of the tile share.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lut_opt.backends.execute.lowering import operations
from lut_opt.backends.execute.products import PAIRED_PRODUCTS
from lut_opt.backends.execute.shuffles import is_supported
from lut_opt.backends.execute.vector_code import Code, lanes, name

_LANES = 8
"""Of 32 bits in a register."""

_EXTENSIONS = {"arith.extsi": 16, "arith.extui": 15}
"""Widening, and from how many bits at most 16 signed ones hold the same."""


class _Product(NamedTuple):
    """An element of a tile's left operand times a row of its right one."""

    left: Any
    """The operation that widens the left operand."""
    row: tuple[int, ...]
    right: Any
    """The operation that widens the right operand."""
    at: int
    """The element's column, which is the row's number."""


def use(module: Any) -> None:
    """Pair the products of a module's tiles, in place, where the processor can."""
    if not is_supported():
        return
    made: dict[Any, Any] = {}
    for op in operations(module):
        if op.name == "arith.addi" and _is_wide(op.result.type):
            _replace(op, made)


def _is_wide(kind: Any) -> bool:
    count, bits = lanes(kind) or (0, 0)
    return bits == 32 and count > 0 and count % _LANES == 0


def _replace(last: Any, made: dict[Any, Any]) -> None:
    """Two sums, the last of which this is, as one."""
    second, before = _added(last)
    if second is None or second.at % 2 == 0 or name(before) != "arith.addi":
        return
    first, start = _added(before.owner.operation)
    if first is None or first != second._replace(at=second.at - 1):
        return
    code = Code(last)
    # What is made in a block is there for the rest of it.
    left = _once(made, (last.block, *first[:2], first.at), lambda: _pair(code, first))
    rows = _once(made, (last.block, first.right, first.at), lambda: _rows(code, first))
    parts = [code.intrinsic(PAIRED_PRODUCTS, [each, left], (_LANES, 32)) for each in rows]
    last.result.replace_all_uses_with(
        code.op("arith.addi", [_joined(code, parts), start], (len(parts) * _LANES, 32))
    )


def _once(made: dict[Any, Any], key: Any, make: Any) -> Any:
    if key not in made:
        made[key] = make()
    return made[key]


def _added(total: Any) -> tuple[_Product | None, Any]:
    """The product that a sum adds, and what it adds it to."""
    for product, rest in (tuple(total.operands), tuple(total.operands)[::-1]):
        if name(product) == "arith.muli":
            for left, right in (
                tuple(product.owner.operands), tuple(product.owner.operands)[::-1],
            ):  # fmt: skip
                if (found := _product(left, right)) is not None:
                    return found, rest
    return None, None


def _product(left: Any, right: Any) -> _Product | None:
    if name(left) != "vector.broadcast":
        return None
    (scalar,) = left.owner.operands
    element, row = _place(scalar), _place(right)
    if element is None or row is None or len(row[1]) != 1 or element[1][-1] != row[1][0]:
        return None
    return _Product(element[0], element[1][:-1], row[0], row[1][0])


def _place(value: Any) -> tuple[Any, tuple[int, ...]] | None:
    """The operation that widens 16 bits or less to a vector, and where in it a value is from."""
    if name(value) != "vector.extract" or len(value.owner.operands) != 1:
        return None
    (whole,) = value.owner.operands
    if name(whole) not in _EXTENSIONS:
        return None
    widening, place = whole.owner.operation, tuple(value.owner.attributes["static_position"])
    kind = widening.operands[0].type
    if not place or kind.element_type.width > _EXTENSIONS[widening.name] or kind.shape[-1] % 2:
        return None
    return widening, place


def _narrow(code: Code, widening: Any) -> Any:
    """What is widened, in 16 bits."""
    (source,) = widening.operands
    if source.type.element_type.width == 16:
        return source
    return code.shaped(widening.name, [source], source.type.shape, 16)


def _pair(code: Code, product: _Product) -> Any:
    """The element and the next of its row, all over a register."""
    narrow = _narrow(code, product.left)
    *rows, columns = narrow.type.shape
    both = code.shaped("vector.bitcast", [narrow], [*rows, columns // 2], 32)
    pair = code.extract(both, [*product.row, product.at // 2])
    return code.cast(code.op("vector.broadcast", [pair], (_LANES, 32)), 16)


def _rows(code: Code, product: _Product) -> list[Any]:
    """The row and the next, their elements side by side, a register each."""
    narrow = _narrow(code, product.right)
    one, two = (code.extract(narrow, [at]) for at in (product.at, product.at + 1))
    count, _ = lanes(one.type) or (0, 0)
    starts = range(0, count, _LANES)
    orders = [[i + which for i in range(at, at + _LANES) for which in (0, count)] for at in starts]
    return [code.shuffle(one, two, order) for order in orders]


def _joined(code: Code, parts: list[Any]) -> Any:
    """Registers one after the other."""
    whole, *rest = parts
    for part in rest:
        count, _ = lanes(whole.type) or (0, 0)
        whole = code.shuffle(whole, part, range(count + _LANES))
    return whole
