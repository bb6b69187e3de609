"""The code at both ends of a `Real`: to stored integers, with one rounding, and back to floats."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, DenseIntOrFPElementsAttr, IntegerType, TensorType
from xdsl.ir import SSAValue

from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.dialects.requantization import Requantization
from lut_opt.passes.arith.integer_code import constant, float_constant, register_width, resize
from lut_opt.passes.integer.code import Code
from lut_opt.passes.integer.real import NotIntegerError, Real, Term, is_uniform, zeros

Get = Callable[[Builder, Sequence[SSAValue]], SSAValue]
"""An element inside a body: of an operand, or a constant."""


class Operands:
    """The tensors that element-wise code reads."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.tensors: list[SSAValue] = []

    def tensor(self, value: SSAValue) -> Get:
        """An element of a tensor."""
        index = len(self.tensors)
        self.tensors.append(value)
        return lambda _, elements: elements[index]

    def stored(self, term: Term, bits: int) -> Get:
        """value + bias of a term, in a width that holds it."""
        element = self.tensor(term.value)
        bias = self.number(term.bias, bits)

        def get(b: Builder, elements: Sequence[SSAValue]) -> SSAValue:
            value = resize(b, element(b, elements), bits, term.signed)
            return value if bias is None else _add(b, value, bias(b, elements))

        return get

    def number(self, values: Integers, bits: int, neutral: int = 0) -> Get | None:
        """An integer constant, one number or by channel; None where it changes nothing."""
        if not is_uniform(values):
            width = 32 if max(abs(int(values.min())), abs(int(values.max()))) < 1 << 31 else 64
            element = self.tensor(self.code.array(values, width))
            return lambda b, elements: resize(b, element(b, elements), bits)
        first = int(values.reshape(-1)[0])
        return None if first == neutral else lambda b, _: constant(b, first, bits)

    def real(self, values: NDArray[np.float64], kind: AnyFloat) -> Get:
        """A float constant, one number or by channel."""
        if is_uniform(values):
            first = float(values.reshape(-1)[0])
            return lambda b, _: float_constant(b, first, kind)
        dense = DenseIntOrFPElementsAttr.from_list(
            TensorType[Any](kind, values.shape), values.reshape(-1).tolist()
        )
        return self.tensor(self.code.insert(arith.ConstantOp(dense)))


def requantize(code: Code, real: Real, to: Quantization) -> SSAValue:
    """
    The stored integers of a value, a builtin tensor of `to.bits`, as `Requantization` defines them.

    ValueError if the scales are too far apart.
    """
    if real.is_constant:
        assert real.constant is not None
        stored = to.quantize(np.clip(real.constant, real.low, real.high))
        return code.array(np.broadcast_to(stored, real.shape), to.bits)
    plan = Requantization.of(
        [term.scaled for term in real.terms],
        to,
        choices=[mask.choice for mask in real.masks],
        constant=0.0 if real.constant is None else real.constant,
        low=real.low,
        high=real.high,
    )
    if _is_identity(real, plan):
        return real.terms[0].value
    operands, bits = Operands(code), plan.bits
    values = [operands.stored(term, bits) for term in real.terms]
    values += [_unsigned(operands.tensor(mask.value), bits) for mask in real.masks]
    factors = [operands.number(each, bits, neutral=1) for each in plan.multipliers]
    offset = operands.number(plan.offset, bits)

    def body(b: Builder, elements: Sequence[SSAValue]) -> SSAValue:
        total: SSAValue | None = None
        for value, factor in zip(values, factors, strict=True):
            x = value(b, elements)
            if factor is not None:
                x = b.insert(arith.MuliOp(x, factor(b, elements))).result
            total = x if total is None else _add(b, total, x)
        assert total is not None
        total = total if offset is None else _add(b, total, offset(b, elements))
        return _rounded(b, total, plan)

    return code.elementwise(real.shape, operands.tensors, IntegerType(to.bits), body)


def _is_identity(real: Real, plan: Requantization) -> bool:
    """Whether the stored integers are those of the only term."""
    if len(real.terms) != 1 or real.masks or plan.shift or np.any(plan.offset):
        return False
    term, factor, to = real.terms[0], plan.multipliers[0], plan.result
    kind: Any = term.value.type
    return (
        bool(np.all(factor == 1) and np.all(term.bias == -to.zero_point))
        and plan.minimum <= term.low
        and plan.maximum >= term.high
        and (kind.element_type.width.data, term.signed) == (to.bits, to.signed)
        and term.shape == real.shape
    )


def _rounded(b: Builder, total: SSAValue, plan: Requantization) -> SSAValue:
    """Shift, halves to even; zero point; saturation; the result's width."""
    bits = plan.bits
    if plan.shift:
        shift = constant(b, plan.shift, bits)
        odd = b.insert(arith.ShRSIOp(total, shift)).result
        odd = b.insert(arith.AndIOp(odd, constant(b, 1, bits))).result
        if plan.shift > 1:
            total = _add(b, total, constant(b, (1 << (plan.shift - 1)) - 1, bits))
        total = b.insert(arith.ShRSIOp(_add(b, total, odd), shift)).result
    if plan.result.zero_point:
        total = _add(b, total, constant(b, plan.result.zero_point, bits))
    total = b.insert(arith.MaxSIOp(total, constant(b, plan.minimum, bits))).result
    total = b.insert(arith.MinSIOp(total, constant(b, plan.maximum, bits))).result
    return resize(b, total, plan.result.bits)


def dequantize(code: Code, real: Real, kind: AnyFloat) -> SSAValue:
    """The reals that a value stands for, as floats: sums of integers first, scales after them."""
    if real.masks:
        raise NotIntegerError("its operand is masked and not rounded to integers yet")
    operands = Operands(code)
    values = [
        (
            operands.stored(term, 64 if term.bound >= 1 << 31 else 32),
            operands.real(term.scale, kind),
        )
        for term in real.terms
    ]
    addend = None if real.constant is None else operands.real(real.constant, kind)

    def body(b: Builder, elements: Sequence[SSAValue]) -> SSAValue:
        total = None if addend is None else addend(b, elements)
        for value, scale in values:
            x: SSAValue = b.insert(arith.SIToFPOp(value(b, elements), kind)).result
            x = b.insert(arith.MulfOp(x, scale(b, elements))).result
            total = x if total is None else b.insert(arith.AddfOp(total, x)).result
        assert total is not None
        if real.low > -math.inf:
            total = b.insert(arith.MaximumfOp(total, float_constant(b, real.low, kind))).result
        if real.high < math.inf:
            total = b.insert(arith.MinimumfOp(total, float_constant(b, real.high, kind))).result
        return total

    return code.elementwise(real.shape, operands.tensors, kind, body)


def centred(code: Code, term: Term) -> Term:
    """The same term without a bias, in the narrowest width that holds its values."""
    if not np.any(term.bias):
        return term
    low, high = term.low + int(term.bias.min()), term.high + int(term.bias.max())
    bits = register_width(max(low.bit_length(), high.bit_length()) + 1)
    operands = Operands(code)
    get = operands.stored(term, bits)
    value = code.elementwise(term.shape, operands.tensors, IntegerType(bits), get)
    data = None if term.data is None else term.data + term.bias
    return Term(value, term.shape, True, low, high, term.scale, zeros(len(term.shape)), data)


def _add(b: Builder, left: SSAValue, right: SSAValue) -> SSAValue:
    return b.insert(arith.AddiOp(left, right)).result


def _unsigned(element: Get, bits: int) -> Get:
    return lambda b, elements: resize(b, element(b, elements), bits, signed=False)
