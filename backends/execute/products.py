"""
Slope times input plus intercept as one multiplication of pairs, of AVX2.

`vpmaddwd` multiplies neighbours of 16 bits and adds the two products in 32 bits. With slopes and
intercepts side by side, and inputs and a power of two, that is a segment's value. Pairs are made
within halves of 128 bits, and two registers of them are narrowed to one in the same way: between,
everything is done on both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lut_opt.backends.execute.lowering import operations
from lut_opt.backends.execute.shuffles import is_supported
from lut_opt.backends.execute.vector_code import Code, lanes, name, splat

PAIRED_PRODUCTS = "llvm.x86.avx2.pmadd.wd"
"""Products of 16 signed bits, neighbours added in 32."""

_LANES = 16
"""Of 16 bits in a register."""

_MOST_SHIFT = 14
"""Of the intercept: the power of two is a signed integer of 16 bits."""

_STEPS = ("arith.addi", "arith.shrsi", "arith.shrui", "arith.minsi", "arith.maxsi")
"""What may stand between a sum and the type that it is stored in."""

_PACK_SIGNED, _PACK_UNSIGNED = "llvm.x86.avx2.packssdw", "llvm.x86.avx2.packusdw"
"""Narrow two registers to one, saturating to 16 signed or unsigned bits."""


def use(module: Any) -> None:
    """Replace the sums of a module's vectors, in place, where the processor can."""
    if not is_supported():
        return
    for op in operations(module):
        if op.name == "arith.addi" and lanes(op.result.type) == (_LANES, 32):
            _replace(op)


def _replace(total: Any) -> None:
    following = _following(total.result)
    for product, addend in (tuple(total.operands), tuple(total.operands)[::-1]):
        factors, term = _factors(product), _shifted(addend)
        if following is None or factors is None or term is None:
            continue
        code = Code(following[-1])
        left, right = (factors[0], term[0]), (factors[1], _power(code, term[1]))
        halves: list[Any] = []
        for half in (0, 4):
            pairs = [code.shuffle(*pair, _paired(half)) for pair in (left, right)]
            value = code.intrinsic(PAIRED_PRODUCTS, pairs, (_LANES // 2, 32))
            halves.append(_repeat(code, following[:-1], value))
        narrow = code.intrinsic(_PACK_UNSIGNED, halves, (_LANES, 16))
        following[-1].result.replace_all_uses_with(narrow)
        return


def _power(code: Code, shift: int) -> Any:
    return code.constant(np.full(_LANES, 1 << shift), 16)


def _paired(half: int) -> list[int]:
    """The order that puts lanes of a vector beside those of another, in halves of 128 bits."""
    places = (*range(half, half + 4), *range(half + 8, half + 12))
    return [lane + which for lane in places for which in (0, _LANES)]


def _following(value: Any) -> list[Any] | None:
    """The steps with constants from a sum to where it is narrowed to 16 bits, if that is all."""
    steps: list[Any] = []
    while True:
        users = [use.owner for use in value.uses]
        if len(users) != 1:
            return None
        (user,) = users
        steps.append(user)
        if user.name == "arith.trunci":
            return steps if lanes(user.result.type) == (_LANES, 16) else None
        if user.name not in _STEPS or user.operands[0] != value or splat(user.operands[1]) is None:
            return None
        value = user.result


def _repeat(code: Code, steps: list[Any], value: Any) -> Any:
    """The steps on one half; then what is cut off is 0, so that nothing saturates."""
    shape = _LANES // 2, 32
    for step in steps:
        amount = splat(step.operands[1])
        constant = code.constant(np.full(shape[0], amount), 32)
        value = code.op(step.name, [value, constant], shape)
    return code.op("arith.andi", [value, code.constant(np.full(shape[0], 0xFFFF), 32)], shape)


def _factors(product: Any) -> tuple[Any, Any] | None:
    """Two vectors of 16 bits whose product, in 32 bits, a value is."""
    if name(product) != "arith.muli":
        return None
    left, right = (_extended(operand) for operand in product.owner.operands)
    return None if left is None or right is None else (left, right)


def _shifted(addend: Any) -> tuple[Any, int] | None:
    """The vector of 16 bits and the left shift that a value is."""
    shift: int | None = 0
    if name(addend) == "arith.shli":
        addend, amount = addend.owner.operands
        shift = splat(amount)
    value = _extended(addend)
    if value is None or shift is None or shift > _MOST_SHIFT:
        return None
    return value, shift


def _extended(value: Any) -> Any:
    """The 16 bits of which a value is the sign extension, None for another value."""
    if name(value) != "arith.extsi":
        return None
    (narrow,) = value.owner.operands
    return narrow if lanes(narrow.type) == (_LANES, 16) else None
