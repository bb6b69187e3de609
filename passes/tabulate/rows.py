"""
Rows as the declarations of a unit describe them: what its signal-to-noise ratio is measured on.

    softmax, log-softmax   distances to the maximum by `pwl.quantiles`, or else evenly over
                           `pwl.range`; the maximum where `pwl.range_raw` has room for the row
    norms                  elements likewise; the row is then as large as `pwl.row_sizes` says
    divisions              denominators likewise, numerators evenly over `pwl.range_numerator`;
                           quotients beyond `pwl.range_result` do not occur

What nothing is declared of is drawn evenly over its storage, but denominators so that every octave
counts alike. The seed is fixed: equal ops have equal rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.pwl import UnitOp, units
from lut_opt.dialects.quant import QuantizeCastOp
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.quantize.choose import points_that_count
from lut_opt.passes.quantize.divisions import constant_elements
from lut_opt.passes.support.declarations import (
    NUMERATOR,
    RAW,
    declared_extent,
    declared_quantiles,
    declared_range,
    declared_result,
    declared_row_sizes,
)

DYNAMIC_ROW = 64
"""Elements of a row whose length only a run tells."""

_ELEMENTS = 1 << 14
_ROWS = 16, 256


@dataclass(frozen=True)
class Drawn:
    """Reals that a unit is given."""

    x: Reals
    """Rows along the last axis."""
    parameters: tuple[Reals, ...]
    declared: bool
    """Whether the op says what it is given; else all that is stored counts."""


def draw(op: UnitOp, unit: units.Unit) -> Drawn:
    """The rows, and the parameters, of a unit that has its tables."""
    rng = np.random.default_rng(0)
    if isinstance(unit, units.Division):
        return _quotients(op, unit, rng)
    length = math.prod(op.row_shape) if min(op.row_shape) > 0 else DYNAMIC_ROW
    known = {name: _constant(value) for name, value in op.parameters.items()}
    length = next((len(values) for values in known.values() if values is not None), length)
    shape = min(max(_ELEMENTS // length, _ROWS[0]), _ROWS[1]), length
    x = _elements(op, rng, shape)
    if isinstance(unit, units.Norm):
        rows = _even(unit.operand, rng, shape) if x is None else _sized(op, unit, x)
        # What the module does not show is as if it were not there.
        neutral = {"gamma": 1.0, "beta": 0.0}
        parameters = [
            np.full(length, neutral[name]) if values is None else values
            for name, values in known.items()
        ]
        return Drawn(rows, tuple(parameters), x is not None)
    rows = _even(unit.operand, rng, shape) if x is None else _scores(op, unit.operand, x, rng)
    return Drawn(rows, (), x is not None)


def _even(storage: Quantization, rng: np.random.Generator, shape: Sequence[int]) -> Reals:
    """Reals evenly spread over what is stored."""
    return storage.dequantize(rng.integers(storage.minimum, storage.maximum, shape, endpoint=True))


def _ends(storage: Quantization) -> tuple[float, float]:
    low, high = storage.dequantize(storage.ends).tolist()
    return float(low), float(high)


def _elements(op: UnitOp, rng: np.random.Generator, shape: Sequence[int]) -> Reals | None:
    """Reals as often as they were seen; None where no range is declared."""
    if (interval := declared_range(op)) is None:
        return None
    points = points_that_count(interval, declared_quantiles(op.attributes))
    return np.interp(rng.random(shape), np.linspace(0.0, 1.0, len(points)), points)


def _scores(op: UnitOp, storage: Quantization, x: Reals, rng: np.random.Generator) -> Reals:
    """Scores of these distances to the maximum, wherever the maximum may be."""
    distances = np.minimum(x, 0.0)
    np.put_along_axis(distances, distances.argmax(-1)[:, None], 0.0, -1)
    low, high = declared_extent(op, RAW) or _ends(storage)
    least: Reals = distances.min(-1, keepdims=True)
    lowest = np.minimum(low - least, high)
    return np.maximum(lowest + rng.random(lowest.shape) * (high - lowest) + distances, low)


def _sized(op: UnitOp, unit: units.Norm, x: Reals) -> Reals:
    """Rows of these elements, each scaled to a size that was seen, small ones among them."""
    sizes, interval = declared_row_sizes(op), declared_range(op)
    if sizes is None or interval is None:
        return x
    middle = x.mean() if unit.centred else 0.0
    c = x - (x.mean(-1, keepdims=True) if unit.centred else 0.0)
    own = np.sqrt(np.square(c).mean(-1, keepdims=True))
    steps = np.linspace(0.0, 1.0, len(sizes))
    wanted = np.interp(np.linspace(0.0, 1.0, len(x)), steps, sizes)[:, None]
    return np.clip(middle + c * wanted / np.where(own > 0, own, 1.0), *interval)


def _quotients(op: UnitOp, unit: units.Division, rng: np.random.Generator) -> Drawn:
    a = declared_extent(op, NUMERATOR)
    b = _elements(op, rng, (_ELEMENTS,))
    x = rng.uniform(*a, _ELEMENTS) if a else _even(unit.operand, rng, (_ELEMENTS,))
    divisors = _octaves(unit.denominator, rng) if b is None else b
    counts = divisors != 0
    x, divisors = x[counts], divisors[counts]
    if (seen := declared_result(op)) is not None:
        x = np.clip(x / divisors, *seen) * divisors
    declared = b is not None and seen is not None
    return Drawn(x[:, None], (divisors[:, None],), declared)


def _octaves(storage: Quantization, rng: np.random.Generator) -> Reals:
    """Reals of a storage, not 0, every octave alike."""
    low, high = storage.minimum - storage.zero_point, storage.maximum - storage.zero_point
    signs = [sign for sign, most in ((-1, -low), (1, high)) if most > 0]
    sign = rng.choice(signs, _ELEMENTS)
    most = np.where(sign > 0, high, -low)
    least = np.maximum(np.where(sign > 0, low, -high), 1)
    sizes = np.exp(rng.uniform(np.log(least), np.log(most)))
    return sign * np.rint(sizes) * storage.scale


def _constant(value: SSAValue) -> Reals | None:
    """The elements of a constant behind the casts of a unit's parameter, in one row."""
    op = value.owner
    while isinstance(op, QuantizeCastOp) or (
        isinstance(op, Operation) and op.name == "torch_c.to_builtin_tensor"
    ):
        value = op.operands[0]
        op = value.owner
    elements = constant_elements(value)
    return None if elements is None else elements.reshape(-1)
