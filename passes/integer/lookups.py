"""Rows of tables of weights, truth values that choose, integers that become floats."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, i1
from xdsl.ir import SSAValue
from xdsl.utils.hints import isa

from lut_opt.dialects.requantization import Choice
from lut_opt.dialects.torch import VTensorType
from lut_opt.passes.arith.integer_code import constant, resize
from lut_opt.passes.integer.real import Mask, NotIntegerError, Real, Term, filled, zeros
from lut_opt.passes.integer.requantize import centred
from lut_opt.passes.integer.site import Rule, Site

_MASKED = 2.0**64
"""A real that saturates whatever is added to it."""


def _embedding(site: Site) -> Real:
    table = site.real(0).single("the table")
    if table.scale.shape[0] > 1 or table.bias.shape[0] > 1:
        raise NotIntegerError(
            "the table has a scale for each row: quantize it whole, or by columns"
        )
    code, rank = site.code, len(site.shape)
    value = code.torch_call("embedding", table.value, site.op.operands[1:], site.shape)
    by_column = (1,) * (rank - 1) + (-1,)
    made = replace(
        table,
        value=value,
        shape=site.shape,
        scale=table.scale.reshape(by_column),
        bias=table.bias.reshape(by_column),
        data=None,
    )
    return Real(site.shape, (made,))


def _cast(site: Site) -> Real:
    """Truth values and integers as floats; floats as other floats are what they were."""
    if site.is_real(0):
        return site.real(0)
    kind = site.operand(0).type
    dtype = kind.dtype if isinstance(kind, VTensorType) else None
    if not isa(dtype, IntegerType):
        raise NotIntegerError("its operand is a float")
    width = dtype.width.data
    value, rank = site.builtin(0), len(site.shape)
    signed, low, high = True, -(1 << 31), (1 << 31) - 1
    if dtype == i1:
        value = site.code.resized(value, False, 8)
        low, high = 0, 1
    elif width > 32:
        value = _saturated(site, value)
    else:
        low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    return Real(
        site.shape, (Term(value, site.shape, signed, low, high, filled(1.0, rank), zeros(rank)),)
    )


def _saturated(site: Site, value: SSAValue) -> SSAValue:
    """A 64-bit integer in 32 bits: beyond, any quantization saturates, too."""

    def body(b: Builder, elements: Any) -> SSAValue:
        x = b.insert(arith.MaxSIOp(elements[0], constant(b, -(1 << 31), 64))).result
        x = b.insert(arith.MinSIOp(x, constant(b, (1 << 31) - 1, 64))).result
        return resize(b, x, 32)

    return site.code.elementwise(site.shape, [value], IntegerType(32), body)


def _where(site: Site) -> Real:
    """A choice between two numbers is a mask; one between a value and a number may be."""
    yes, no = site.array(1), site.array(2)
    if yes is not None and no is not None and yes.size == no.size == 1:
        choice = Choice(float(yes.reshape(-1)[0]), float(no.reshape(-1)[0]))
        return _masked(site, choice)
    if no is not None and no.size == 1:
        return _filled(site, site.real(1, len(site.shape)), float(no.reshape(-1)[0]), where=False)
    if yes is not None and yes.size == 1:
        return _filled(site, site.real(2, len(site.shape)), float(yes.reshape(-1)[0]), where=True)
    raise NotIntegerError("it chooses between two values: multiply them by masks instead")


def _masked_fill(site: Site) -> Real:
    number = site.array(2)
    if number is None or number.size != 1:
        raise NotIntegerError("it is filled with what is computed")
    real = site.real(0, len(site.shape))
    return _filled(site, real, float(number.reshape(-1)[0]), where=True, condition=1)


def _mask(site: Site, choice: Choice, condition: int = 0) -> Mask:
    value = site.builtin(condition)
    kind: Any = value.type
    shape = tuple(-1 if size < 0 else size for size in kind.get_shape())
    missing = len(site.shape) - len(shape)
    if missing:
        value = site.code.moved(
            "view", value, [(*(1,) * missing, *shape)], (*(1,) * missing, *shape)
        )
    return Mask(value, (*(1,) * missing, *shape), choice)


def _masked(site: Site, choice: Choice) -> Real:
    return Real(site.shape, masks=(_mask(site, choice),))


def _filled(site: Site, real: Real, number: float, *, where: bool, condition: int = 0) -> Real:
    """A value, but a number where the condition says so: as an addend if nothing else counts."""
    if abs(number) >= _MASKED:
        choice = Choice(number, 0.0) if where else Choice(0.0, number)
        masked = Real(site.shape, masks=(_mask(site, choice, condition),))
        return replace(real, shape=site.shape).plus(masked, site.shape)
    term = centred(site.code, real.single("its operand"))
    scale = term.uniform_scale("its operand")
    stored = round(number / scale)
    if stored * scale != number:
        raise NotIntegerError(f"{number:g} is no multiple of its operand's scale {scale:g}")
    mask = _mask(site, Choice(0.0, 0.0), condition)
    kind: Any = term.value.type
    bits = kind.element_type.width.data
    if not -(1 << (bits - 1)) <= stored < 1 << (bits - 1):
        raise NotIntegerError(f"{number:g} does not fit its operand's storage")

    def body(b: Builder, elements: Any) -> SSAValue:
        fill, value = constant(b, stored, bits), elements[1]
        pair = (fill, value) if where else (value, fill)
        return b.insert(arith.SelectOp(elements[0], *pair)).result

    value = site.code.elementwise(site.shape, [mask.value, term.value], IntegerType(bits), body)
    low, high = min(term.low, stored), max(term.high, stored)
    made = replace(term, value=value, shape=site.shape, low=low, high=high, data=None)
    return Real(site.shape, (made,))


RULES: dict[str, Rule] = {
    "embedding": _embedding,
    **dict.fromkeys(("to.dtype", "_to_copy", "type_as", "to.dtype_layout"), _cast),
    **dict.fromkeys(
        ("where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar"), _where
    ),
    **dict.fromkeys(("masked_fill.Scalar", "masked_fill.Tensor"), _masked_fill),
}
"""By the name of the `torch.aten` operator."""
