"""What a chain of element-wise ops computes: a function of the registry, or one of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, Float64Type, FloatAttr, FunctionType, f32, f64
from xdsl.ir import Attribute, Block, Region, SSAValue

from lut_opt.dialects.pwl import NamedFunction
from lut_opt.dialects.pwl.function_body import FunctionBody
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quant import element_type
from lut_opt.dialects.quantization import Reals
from lut_opt.dialects.torch import VTensorType
from lut_opt.passes.fuse.chains import Chain
from lut_opt.passes.fuse.elementwise import Elementwise
from lut_opt.passes.fuse.terms import Term
from lut_opt.passes.quantize.given import quantized_source
from lut_opt.passes.recognize.functions import Declared, Interval
from lut_opt.passes.support.declarations import (
    NUMERATOR,
    RANGE,
    declared_range,
    operand_declarations,
)

SAME = 2.0**-21
"""
Two functions no further apart than this, relative to max(1, |f|), are taken for one.

A body holds a handful of constants, each off by up to 2^-24 of itself in float32, and in no
function of the registry does that shift a value by more than 2^-24 of max(1, |f|) per constant. The
closest two of the registry, the two kinds of GELU, are 2^-11 apart.
"""

REACH = 64.0
"""Functions are compared, and looked at for gaps, on [-64, 64]; exp overflows float32 at 89."""

MAX_SWEPT_BITS = 16
"""Storage whose values are all looked at."""

_GRID = np.arange(-REACH, REACH + 1 / 64, 1 / 32)
_HALF = np.geomspace(2.0**-20, REACH, 1000)
_PROBES = np.concatenate((-_HALF[::-1], [0.0], _HALF))
"""Dense near 0, for ranges of any size."""


@dataclass(frozen=True)
class Composition:
    """A chain with the function that it composes to."""

    chain: Chain
    body: FunctionBody
    terms: dict[SSAValue, Term]

    @staticmethod
    def of(chain: Chain) -> Composition:
        """Write the chain's scalar function, in double precision if its input is."""
        type_ = chain.operand.type
        element = type_.dtype if isinstance(type_, VTensorType) else element_type(type_)
        kind = f64 if isinstance(element, Float64Type) else f32
        block = Block(arg_types=[kind])
        terms = chain.compose(Term.argument(block))
        block.add_op(func.ReturnOp(terms[chain.last.results[0]].value))
        type_ = FunctionType.from_lists([kind], [kind])
        op = func.FuncOp(chain.name, type_, Region(block), visibility="private")
        return Composition(chain, FunctionBody(op), terms)

    def named(self) -> NamedFunction | None:
        """The function of the registry that the body equals, as far as float32 can tell."""
        y = self.body(_GRID)
        defined = np.isfinite(y)
        for function in _candidates(self.body):
            wanted, exists = _values(function)
            if np.array_equal(defined, exists) and np.all(
                np.abs(y - wanted)[exists] <= SAME * np.maximum(1.0, np.abs(wanted[exists]))
            ):
                return function
        return None

    def is_defined(self) -> bool:
        """Whether it has a value at every stored input, or everywhere where that is not known."""
        given, declared = quantized_source(self.chain.operand), self.declared()
        if given is not None and given.bits <= MAX_SWEPT_BITS:
            x = given.dequantize(given.values)
        else:
            x = _GRID if declared is None else np.append(_GRID, declared.interval)
        return bool(np.all(self.body.is_defined(x)))

    def declared(self) -> Declared | None:
        """
        What the chain's ops say of its input.

        From an op on the input itself, else from an inner op, by the inverse of what comes before.
        """
        claims = list(self._claims())
        for member, value, name in claims:
            if value is self.chain.operand and (interval := declared_range(member.op, name)):
                return Declared(interval, member.op, operand_declarations(member.op, name))
        for member, value, name in claims:
            interval = declared_range(member.op, name)
            if interval and (found := self._before(value, interval)) is not None:
                low, high, attributes = found
                return Declared((low, high), member.op, attributes)
        return None

    def _claims(self) -> Iterator[tuple[Elementwise, SSAValue, str]]:
        """The ops that declare an operand, which one, and by which attribute."""
        for member in self.chain.members:
            if NUMERATOR in member.op.attributes and len(member.op.operands) > 1:
                yield member, member.op.operands[0], NUMERATOR
                yield member, member.op.operands[1], RANGE
            elif RANGE in member.op.attributes and member.inputs:
                whole = self.chain.operand in member.inputs
                yield member, self.chain.operand if whole else member.inputs[0], RANGE

    def _before(
        self, value: SSAValue, interval: Interval
    ) -> tuple[float, float, dict[str, Attribute]] | None:
        """The hull of the inputs that bring a value into an interval, and how to declare it."""
        if (term := self.terms.get(value)) is None:
            return None
        if term.affine is not None and term.affine[0]:
            slope, offset = term.affine
            low, high = sorted((bound - offset) / slope for bound in interval)
            return low, high, _range(low, high)

        def is_inside(x: Reals) -> np.ndarray:
            y = self.body.value(term.value, x)
            return (y >= interval[0]) & (y <= interval[1])

        inside, steps = is_inside(_PROBES), np.flatnonzero(np.diff(self.body(_PROBES)))
        if not inside.any() or not len(steps):
            return None
        first, last = np.flatnonzero(inside)[[0, -1]]
        end = len(_PROBES) - 1
        low, high = float(_PROBES[steps[0]]), float(_PROBES[steps[-1] + 1])
        if (first == 0 and low == _PROBES[0]) or (last == end and high == _PROBES[end]):
            return None
        if first > 0:
            low = _edge(is_inside, *_PROBES[[first - 1, first]])
        if last < end:
            high = _edge(is_inside, *_PROBES[[last + 1, last]])
        # Where the whole function is constant up to the end, inputs may lie outside, and count.
        return low, high, _range(low, high) if first > 0 and last < end else {}


def _range(low: float, high: float) -> dict[str, Attribute]:
    return {RANGE: ArrayAttr([FloatAttr(bound, f64) for bound in (low, high)])}


def _edge(is_inside: Callable[[Reals], np.ndarray], outside: float, inside: float) -> float:
    """Where an interval ends that holds one number and not the other."""
    for _ in range(48):
        middle = (outside + inside) / 2
        outside, inside = (outside, middle) if is_inside(np.asarray(middle)) else (middle, inside)
    return float(inside)


def _candidates(body: FunctionBody) -> Iterator[NamedFunction]:
    yield from (NamedFunction(name) for name, f in FUNCTIONS.items() if not f.parameters)
    yield NamedFunction("softplus", (1.0, 20.0))
    # In the fewest digits that float32 tells apart.
    slope, bottom = (float(str(np.float32(-y))) for y in body(np.array([-1.0, -REACH])))
    yield NamedFunction("leaky_relu", (slope,))
    if 0.0 < bottom < REACH:
        yield NamedFunction("elu", (bottom, 1.0, 1.0))


@cache
def _values(function: NamedFunction) -> tuple[Reals, np.ndarray]:
    """Values on the grid, and where there are any."""
    return function(_GRID), function.is_defined(_GRID)
