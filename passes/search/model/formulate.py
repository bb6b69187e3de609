"""From samples of a function to a problem on integers: forms, fraction bits, shifts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from lut_opt.dialects.pwl.certificate import Samples
from lut_opt.dialects.quantization import (
    Integers,
    Quantization,
    Reals,
    exact_log2,
    storage_range,
)
from lut_opt.passes.search.model.constraints import Constraints
from lut_opt.passes.search.model.dynamic import cut, forward
from lut_opt.passes.search.model.moments import Moments
from lut_opt.passes.search.model.problem import MAX_ACCUMULATOR_BITS, Metric, Problem

Form = Literal["auto", "seed", "direct"]


def forms(form: Form) -> tuple[Form, ...]:
    """The forms of which a search takes the better one at equal widths: both for `auto`."""
    return ("seed", "direct") if form == "auto" else (form,)


_MOST_BITS = MAX_ACCUMULATOR_BITS - 2
"""Bits of a shifted intercept that leave the sum its sign and a carry."""

_SKETCH_POINTS = 384
"""Points, evenly spread, from which the magnitude of slopes and intercepts is read."""


@dataclass(frozen=True, eq=False)
class _Lines:
    """Real-valued least-squares segments `y = slope·q + …` of at least two points each."""

    slope: Reals
    """Real units per stored unit."""
    centre: Reals
    """Mean q of the segment."""
    level: Reals
    """Mean y of the segment."""

    @property
    def steepest(self) -> float:
        """Largest slope magnitude."""
        return float(np.max(np.abs(self.slope)))


def histogram_weights(
    samples: Samples, operand: Quantization, counts: Integers, prior: float = 1.0
) -> Reals:
    """
    Weights for `formulate` from how often each stored input was observed.

    `counts` has one number for every value of `operand`, ascending; `prior` is added to each, so
    that inputs that were never seen still count a little. Shape (samples,), mean 1.

    Raises `ValueError` for counts of another shape, negative counts, or a prior that is not
    positive.
    """
    counts = np.asarray(counts)
    values = operand.maximum - operand.minimum + 1
    if counts.shape != (values,) or np.any(counts < 0):
        raise ValueError(f"counts must be {values} numbers, one for each stored input, none < 0")
    if not prior > 0:
        raise ValueError(f"the prior must be positive, got {prior}")
    weights = counts[samples.q - operand.minimum] + prior
    return weights / weights.mean()


@dataclass(frozen=True, kw_only=True)
class Shape:
    """
    What a table is made of.

    *Seed form* (GQA-LUT Eq. 3) needs zero points 0, a power-of-two result scale S_out and a
    power-of-two input scale S_in ≤ 1. With λ = `frac_bits`: one unit of the accumulator is
    S_in·2^−λ, the intercepts are shifted by −log2 S_in, the result by log2(S_out / S_in) + λ ≥ 0.

    *Direct form* takes any scales and zero points. With r = `frac_bits`, the result shift: one unit
    of the accumulator is S_out·2^−r; it carries the result's zero point, and the intercepts carry
    the input's. The intercept shift is the smallest at which the intercepts fit.

    Raises `ValueError` where a field is out of range.
    """

    entries: int
    """Segments."""
    param_bits: int = 8
    """Width of the slopes, and of the intercepts without a width of their own."""
    intercept_bits: int | None = None
    """Width of the intercepts, where it is not `param_bits`."""
    frac_bits: int | None = None
    """None is the most at which the slopes and intercepts of the best table with *real* parameters
    fit, and at which no target needs more than `param_bits + operand.bits` bits (or 31). Where the
    direct form's slopes do not fit even with r = 0, up to twice the range is accepted: the search
    bounds them."""
    form: Form = "auto"
    """One problem has one form: `auto` is the seed form where it is possible and fits, else direct.
    What takes the better of both poses the problems of `forms("auto")`."""
    octaves: int = 0
    """For entries with exponents 0 … octaves: the problem's accumulator unit is the finest of all,
    and the default λ or r and the intercept shift are such that everything fits in the coarsest,
    which is 2^octaves times as large."""
    saturates: bool = False
    """Whether the best real parameters may lie beyond their widths at a `frac_bits` that is given;
    by default that is an error."""

    @property
    def intercept_width(self) -> int:
        """Width of the intercepts."""
        return self.intercept_bits or self.param_bits

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise ValueError(f"form must be auto, seed or direct, not '{self.form}'")
        if not 2 <= self.param_bits <= 32:
            raise ValueError(f"param-bits must be between 2 and 32, not {self.param_bits}")
        if self.entries < 1:
            raise ValueError(f"entries must be at least 1, not {self.entries}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Goal:
    """What makes a table good."""

    metric: Metric = "mse"
    """What is minimized on the accumulator."""
    weights: Reals | None = None
    """Positive, one per sample, in any unit; None: all equal."""
    constraints: Constraints = field(default_factory=Constraints)
    """What every table must satisfy; their tails have to fit."""
    gap: float = 1e-3
    """That of `Problem`."""
    draft: bool = False
    """That of `Problem`."""


PLAIN = Goal()
"""The least mean squared error, all samples alike."""


def formulate(
    samples: Samples,
    operand: Quantization,
    result: Quantization,
    shape: Shape,
    goal: Goal = PLAIN,
) -> Problem:
    """
    The problem of approximating `samples` by a table of this shape.

    Raises `ValueError` where the form is not possible, the parameters cannot fit, or something is
    out of range (see `Problem`).
    """
    weights = _normalized(goal.weights, len(samples.q))
    sketch = _sketch(samples, weights, shape.entries)
    lines = _with_tails(sketch, goal.constraints, operand)
    scaling = _scaling(_Limits(operand, result, shape, samples, lines))
    offset = float(result.zero_point) * 2.0**scaling.result_shift if scaling.direct else 0.0
    return Problem(
        q=samples.q,
        target=samples.y / scaling.unit + offset,
        weights=weights,
        entries=shape.entries,
        param_bits=shape.param_bits,
        intercept_shift=scaling.intercept_shift,
        result_shift=scaling.result_shift,
        accumulator_scale=scaling.unit,
        operand=operand,
        offset=offset,
        metric=goal.metric,
        intercept_bits=shape.intercept_bits,
        result=result,
        constraints=goal.constraints,
        gap=goal.gap,
        draft=goal.draft,
    )


@dataclass(frozen=True)
class _Scaling:
    direct: bool
    unit: float
    """Real value of one unit of the accumulator."""
    intercept_shift: int
    result_shift: int


@dataclass(frozen=True, eq=False)
class _Limits:
    """What bounds the choice of a scaling."""

    operand: Quantization
    result: Quantization
    shape: Shape
    samples: Samples
    lines: _Lines

    @property
    def param_bits(self) -> int:
        return self.shape.param_bits

    @property
    def octaves(self) -> int:
        return self.shape.octaves

    @property
    def slopes(self) -> tuple[int, int]:
        return storage_range(self.param_bits, signed=True)

    @property
    def intercepts(self) -> tuple[int, int]:
        return storage_range(self.shape.intercept_width, signed=True)

    def fits(self, values: Reals, limits: tuple[int, int]) -> bool:
        """Whether the values, rounded, lie within the limits."""
        rounded = np.rint(values)
        return bool(np.all((rounded >= limits[0]) & (rounded <= limits[1])))

    def most_bits(self, unit: float, zero_point: int) -> int:
        """Largest n at which no target, in steps of unit·2^−n, needs more bits than it should."""
        largest = float(np.max(np.abs(self.samples.y / unit + zero_point)))
        bits = min(self.param_bits - 1 + self.operand.bits, 30)
        if largest == 0.0:
            return bits
        return min(bits - int(np.floor(np.log2(largest))) - 1, self.param_bits + self.operand.bits)


def _scaling(limits: _Limits) -> _Scaling:
    form = limits.shape.form
    if form == "direct":
        return _direct(limits)
    try:
        return _seed(limits)
    except ValueError:
        if form == "seed":
            raise
        return _direct(limits)


def _seed(limits: _Limits) -> _Scaling:
    """Seed form, GQA-LUT Eq. 3. Raises `ValueError` where it is not possible."""
    operand, result, frac_bits = limits.operand, limits.result, limits.shape.frac_bits
    exponent, result_exponent = exact_log2(operand.scale), exact_log2(result.scale)
    if exponent is None or exponent > 0 or result_exponent is None:
        raise ValueError(
            "the seed form needs power-of-two scales and an input scale of at most 1, not "
            f"{operand.scale:g} → {result.scale:g}: use form=direct"
        )
    if operand.zero_point or result.zero_point:
        raise ValueError("the seed form needs zero points of 0: use form=direct")
    least = exponent - result_exponent
    if frac_bits is None:
        frac_bits = _seed_bits(limits, max(least, 0)) + limits.octaves
    elif frac_bits < least:
        raise ValueError(
            f"frac-bits = {frac_bits} makes the accumulator coarser than the result: the seed form "
            f"needs at least {least} here"
        )
    else:
        unit = operand.scale * 2.0 ** (limits.octaves - frac_bits)
        _check_slopes(limits, unit)
        intercepts = limits.lines.level - limits.lines.slope * limits.lines.centre
        _check_range(limits, "intercepts", intercepts * 2.0 ** (frac_bits - limits.octaves))
    if limits.shape.intercept_width - exponent > _MOST_BITS:
        raise ValueError(
            f"the seed form shifts intercepts by {-exponent} at an input scale of "
            f"{operand.scale:g}, beyond the accumulator: use form=direct"
        )
    return _Scaling(False, operand.scale * 2.0**-frac_bits, -exponent, frac_bits - least)


def _seed_bits(limits: _Limits, least: int) -> int:
    """Largest λ ≥ `least` at which the real-valued optimum fits."""
    lines, scale = limits.lines, limits.operand.scale
    intercepts = lines.level - lines.slope * lines.centre
    for bits in range(limits.most_bits(scale, 0), least - 1, -1):
        if limits.fits(lines.slope / scale * 2.0**bits, limits.slopes) and limits.fits(
            intercepts * 2.0**bits, limits.intercepts
        ):
            return bits
    raise ValueError(
        f"slopes up to {lines.steepest / scale:.3g} and intercepts up to "
        f"{np.max(np.abs(intercepts)):.3g} do not fit in {limits.param_bits} bits with {least} "
        "fraction bits in the seed form: use form=direct or more param-bits"
    )


def _direct(limits: _Limits) -> _Scaling:
    """Direct form: the table approximates q ↦ f(S_in·(q − z_in)) / S_out + z_out."""
    result, lines, frac_bits = limits.result, limits.lines, limits.shape.frac_bits
    if frac_bits is None:
        most = max(limits.most_bits(result.scale, result.zero_point), 0)
        legal = (
            n
            for n in range(most, -1, -1)
            if limits.fits(lines.slope / result.scale * 2.0**n, limits.slopes)
        )
        frac_bits = next(legal, 0) + limits.octaves
        if lines.steepest / result.scale > 1 << limits.param_bits:
            raise ValueError(
                f"slopes up to {lines.steepest / result.scale:.3g} result steps per input step do "
                f"not fit in {limits.param_bits} bits: use more param-bits or a coarser result "
                "scale"
            )
    elif frac_bits < 0:
        raise ValueError(f"frac-bits must not be negative in the direct form, not {frac_bits}")
    else:
        _check_slopes(limits, result.scale * 2.0 ** (limits.octaves - frac_bits))
    coarsest = frac_bits - limits.octaves
    unit = result.scale * 2.0**-coarsest
    slopes = np.clip(np.rint(lines.slope / unit), *limits.slopes)
    levels = lines.level / unit + float(result.zero_point) * 2.0**coarsest
    intercepts = levels - slopes * lines.centre
    shift = 0
    while not limits.fits(intercepts / 2.0**shift, limits.intercepts):
        shift += 1
    return _Scaling(True, result.scale * 2.0**-frac_bits, shift, frac_bits)


def _check_slopes(limits: _Limits, unit: float) -> None:
    """Slopes at a number of fraction bits that was given."""
    _check_range(limits, "slopes", limits.lines.slope / unit)


def _check_range(limits: _Limits, kind: str, values: Reals) -> None:
    """Raises `ValueError` where those of the best table with real parameters would saturate."""
    slopes = kind == "slopes"
    bits = limits.param_bits if slopes else limits.shape.intercept_width
    if limits.shape.saturates or limits.fits(values, storage_range(bits, signed=True)):
        return
    largest = float(np.max(np.abs(values)))
    fewer = max(int(np.ceil(np.log2(largest / (1 << (bits - 1))))), 1)
    raise ValueError(
        f"{kind} saturate at frac-bits={limits.shape.frac_bits}: they reach {largest:.4g} steps, "
        f"which {bits} bits do not hold; use at least {fewer} fraction bits less, more "
        f"{'param' if slopes else 'intercept'}-bits, or leave frac-bits out"
    )


def _normalized(weights: Reals | None, points: int) -> Reals:
    if weights is None:
        return np.ones(points)
    weights = np.asarray(weights, np.float64)
    if weights.shape != (points,) or not np.all(np.isfinite(weights)) or np.any(weights <= 0):
        raise ValueError(f"weights must be {points} positive numbers, one for each sample")
    return weights / weights.mean()


def _with_tails(lines: _Lines, constraints: Constraints, operand: Quantization) -> _Lines:
    """The lines, and those of the given tails."""
    tails = [tail for tail in (constraints.left, constraints.right) if tail is not None]
    return _Lines(
        np.append(lines.slope, [tail.slope * operand.scale for tail in tails]),
        np.append(lines.centre, [float(operand.zero_point) for _ in tails]),
        np.append(lines.level, [tail.level for tail in tails]),
    )


def _sketch(samples: Samples, weights: Reals, entries: int) -> _Lines:
    """
    The real-valued least-squares optimum, on at most `_SKETCH_POINTS` points.

    Segments of one point have no slope of their own: at most half as many segments as points are
    used, and those of one point are left out unless there is nothing else.
    """
    index = np.unique(np.linspace(0, len(samples.q) - 1, _SKETCH_POINTS).astype(np.int64))
    n = len(index)
    moments = Moments(samples.q[index], samples.y[index], weights[index])
    first, end = np.arange(n)[:, None], np.arange(1, n + 1)[None, :]
    costs = np.full((n + 1, n + 1), np.inf)
    residual = moments.fit(first, np.maximum(end, first + 1)).residual
    costs[:n, 1:] = np.where(end > first, residual, np.inf)
    ends = np.array(cut(costs, forward(costs, min(entries, max(1, n // 2)))))
    several = np.diff(ends) > 1
    if np.any(several):
        fit = moments.fit(ends[:-1][several], ends[1:][several])
        return _Lines(fit.slope, fit.centre, fit.level)
    return _Lines(np.zeros(1), samples.q[index][:1].astype(np.float64), samples.y[index][:1])
