"""
Observe the inputs of a model's non-linear operators and choose a power-of-two scale for each.

    calibration = calibrate(model, batches, method="mse")
    program = export(model, batches[0], calibration=calibration)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.fx import Interpreter, Node

from lut_opt.dialects.quantization import covering_scale
from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.graph import Graph, Inputs, operator_name
from lut_opt.frontends.torch.histogram import (
    HALF,
    QUANTILES,
    Histogram,
    least_squares_scale,
)
from lut_opt.frontends.torch.observed import (
    Reals,
    limit_reached,
    parameter,
    results,
    row_sizes,
    scaled_by,
    seen,
)
from lut_opt.frontends.torch.sources import layer_name, source
from lut_opt.frontends.torch.traced import Traced

_EXP_REACH = 16.0
"""Softmax: e^-16 is nothing at 16 bits, so that no scale needs to cover a longer distance."""

ROW_SIZES = 16
"""Steps of probability between the least and the largest size of a norm's rows."""

BITS = 8
"""Width of the integers that a scale is for, where nothing else is said."""

Method = Literal["minmax", "mse"]


class CalibrationError(ValueError):
    """What was observed that no scale can cover, at which operator, and what to do about it."""


Bits = int | Mapping[str, int]
"""
One width for all, or widths by operator (`softmax`, `pow.Scalar`) or layer (`encoder.0.act`), with
`*` for all others.
"""


@dataclass(frozen=True)
class Observation:
    """
    What one non-linear operator saw, and the scale chosen for it.

    `minimum` and `maximum` are observed reals, `scale` is a power of two, and the integer input `q`
    of `bits` bits stands for `scale · q`. For softmax and attention the values are those after the
    row's maximum was subtracted; for a division they are the denominators, and `numerator` is the
    range of what is divided. `parameter` is a constant second argument. `named` says that `bits`
    was chosen for this operator. `result` is the range of what it made, without that of a group
    norm's weights; `raw` for softmax that of the scores themselves; `product` for an inverse that
    of the products it is a factor of. `row_sizes` are quantiles of the sizes of a norm's rows.
    """

    operator: str
    layer: str
    source: tuple[str, int] | None
    minimum: float
    maximum: float
    limit: float
    counts: NDArray[np.int64]
    scale: float
    bits: int
    parameter: float | None = None
    numerator: tuple[float, float] | None = None
    named: bool = False
    quantiles: NDArray[np.float64] | None = None
    """Values at equal steps of probability, from the least to the largest."""
    result: tuple[float, float] | None = None
    raw: tuple[float, float] | None = None
    product: tuple[float, float] | None = None
    row_sizes: NDArray[np.float64] | None = None

    @property
    def restricted(self) -> bool:
        """Whether the operator has no value at some reals: then the range says what occurs."""
        return operators.is_restricted(self.operator, self.parameter)

    @property
    def range(self) -> tuple[float, float]:
        """
        The smallest and the largest real that was seen, or that the scale reaches where it clips.

        Where the operator is not defined everywhere nothing is clipped.
        """
        low, high = self.minimum, self.maximum
        if not self.restricted:
            half = 1 << (self.bits - 1)
            low, high = max(low, -half * self.scale), min(high, (half - 1) * self.scale)
        if low < high:
            return low, high
        # One value only; no interval may be empty.
        wider = low, low + self.scale
        return wider if self._defined(np.array([wider[1]]))[0] else (low - self.scale, low)

    @property
    def stored_counts(self) -> NDArray[np.int64]:
        """How often inputs at evenly spaced points of `range`, both ends among them, were seen."""
        low, high = self.range
        bins = np.flatnonzero(self.counts)
        centres = (bins - HALF + 0.5) * (self.limit / HALF)
        steps = 1 << self.bits
        nearest = np.clip(np.rint((centres - low) / (high - low) * steps), 0, steps)
        counts = np.bincount(nearest.astype(np.int64), self.counts[bins], steps + 1)
        return counts.astype(np.int64)

    def _defined(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        return operators.is_defined(self.operator, x, self.parameter)

    @property
    def name(self) -> str:
        """How messages call the operator: its name, layer and source line."""
        return _describe(self.operator, self.layer, self.source)


@dataclass(frozen=True)
class Calibration:
    """One observation per non-linear operator, in execution order; None for one on constants."""

    observations: tuple[Observation | None, ...]
    operators: tuple[str, ...]
    method: Method
    bits: Bits
    decompose: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    traced: Traced | None = field(default=None, compare=False, repr=False)
    """The graphs that were observed, for an export of the same model; not for a pickle."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "traced": None}


def calibrate(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    method: Method = "minmax",
    bits: Bits = BITS,
    dynamic_shapes: Any = None,
    decompose: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
    linear: bool = False,
) -> Calibration:
    """
    Run the model on batches and choose a scale for the input of each non-linear operator.

    A batch is a tensor, a tuple of positional arguments or a mapping of keyword arguments; shapes
    may differ. `minmax` takes the smallest power of two whose range covers all that was seen; `mse`
    may clip, and minimizes the squared quantization error (for softmax, that of the exponentials).
    `bits` is the width of the integers, for all or by operator or layer name; `dynamic_shapes`,
    `decompose` and `keep` are those of `export`, which takes over what was traced here, and with
    `linear` linear layers stay whole in it. Raises
    `CalibrationError` for NaN or infinity and if there is no batch, `ExportError` for a model that
    cannot be exported.
    """
    check_options(method, bits)
    traced = Traced(
        model, dynamic_shapes=dynamic_shapes, decompose=decompose, keep=keep, linear=linear
    )
    first: Graph | None = None
    histograms: list[_Histograms] = []
    for batch in batches:
        inputs = Inputs.of(batch)
        graph = traced.graph(model, inputs)
        if first is None:
            first = graph
            histograms = [_Histograms() for _ in graph.non_linear]
        _check_same_path(graph, first)
        _observe(graph, inputs, histograms)
    if first is None:
        raise CalibrationError("no batch was given; calibrate with at least one")
    _check_names(first, bits)
    observations = tuple(
        None if node in first.constant else _chosen(node, counted, method, bits)
        for node, counted in zip(first.non_linear, histograms, strict=True)
    )
    return Calibration(observations, first.names, method, bits, decompose, keep, traced)


class _Histograms:
    """What one operator saw so far."""

    def __init__(self) -> None:
        self.values = Histogram()
        self.numerator = Histogram()
        self.result = _Extent()
        self.raw = _Extent()
        self.product = _Extent()
        self.rows = Histogram()


class _Extent:
    """The smallest and the largest finite number so far."""

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf

    def add(self, values: Reals | None) -> None:
        """Take in values of any shape."""
        if values is not None and (finite := values[np.isfinite(values)]).size:
            self.low, self.high = min(self.low, finite.min()), max(self.high, finite.max())

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Both, None where there was none."""
        return (float(self.low), float(self.high)) if self.low <= self.high else None


def check_options(method: str, bits: Bits) -> None:
    """Raise ValueError for an unknown method or a width outside 2 to 16."""
    if method not in ("minmax", "mse"):
        raise ValueError(f"method is {method!r}; it must be 'minmax' or 'mse'")
    for width in bits.values() if isinstance(bits, Mapping) else (bits,):
        if not 2 <= width <= 16:
            raise ValueError(f"bits is {width}; it must be from 2 to 16")


def _check_names(graph: Graph, bits: Bits) -> None:
    observed = [node for node in graph.non_linear if node not in graph.constant]
    for name in bits if isinstance(bits, Mapping) else ():
        if name != "*" and not any(_is_named(node, name) for node in observed):
            raise CalibrationError(
                f"bits are given for `{name}`, but no non-linear operator or layer is called so; "
                f"there are {sorted({operator_name(node) for node in observed})}"
            )


def _is_named(node: Node, name: str) -> bool:
    return name == layer_name(node) or operators.is_called(operator_name(node), name)


def _check_same_path(graph: Graph, first: Graph) -> None:
    if graph.names != first.names:
        raise CalibrationError(
            f"a batch takes another path through the model than the first ({len(graph.names)} "
            f"non-linear operators, not {len(first.names)}); calibrate with batches that run the "
            "same operators"
        )


def _observe(graph: Graph, inputs: Inputs, histograms: list[_Histograms]) -> None:
    index = {node: i for i, node in enumerate(graph.non_linear) if node not in graph.constant}

    class Observer(Interpreter):
        def run_node(self, n: Node) -> Any:
            returned = super().run_node(n)
            if n in index:
                arguments, keywords = self.fetch_args_kwargs_from_env(n)
                found, counted = seen(n, arguments, keywords, returned), histograms[index[n]]
                counted.values.add(_checked(n, found.values))
                for reached in limit_reached(n, arguments, found):
                    counted.values.include(reached)
                if found.numerator is not None:
                    counted.numerator.add(_checked(n, found.numerator))
                counted.raw.add(found.raw)
                counted.result.add(results(n, arguments, returned))
                if (sizes := row_sizes(n, arguments)) is not None:
                    counted.rows.add(sizes)
            for factor in scaled_by(n):
                if factor in index:
                    histograms[index[factor]].product.add(results(n, (), returned))
            return returned

    with torch.no_grad():
        Observer(graph.program.graph_module).run(*graph.bind(inputs), enable_io_processing=False)


def _checked(node: Node, values: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(values).all():
        wrong = "NaN" if np.isnan(values).any() else "infinity"
        raise CalibrationError(
            f"{_name(node)}: its input holds {wrong}; no scale "
            "covers that: check the batch, or leave the value out before the operator"
        )
    return values


def _chosen(node: Node, counted: _Histograms, method: Method, bits: Bits) -> Observation:
    histogram = counted.values
    if not histogram.total:
        raise CalibrationError(f"{_name(node)}: no value was seen; give larger batches")
    width, named = width_of(node, bits)
    operator, constant = operator_name(node), parameter(node)
    restricted = operators.is_restricted(operator, constant)
    numerator = None
    if counted.numerator.total:
        low, high = counted.numerator.minimum, counted.numerator.maximum
        # No interval may be empty.
        numerator = (low, high) if low < high else (low - abs(low) / 2, high + 1.0)
    if restricted:
        # Clipping would cut off what is largest, a reciprocal's small denominators among it.
        low, high = histogram.minimum, histogram.maximum
        signed = low < 0 or bool(operators.is_defined(operator, -np.ones(1), constant)[0])
        scale = covering_scale(low, high, width, signed)
    else:
        scale = _scale(operator, histogram, method, width)
    return Observation(
        operator,
        layer_name(node),
        source(node),
        histogram.minimum,
        histogram.maximum,
        histogram.limit,
        histogram.counts,
        scale,
        width,
        constant,
        numerator,
        named,
        histogram.quantiles,
        counted.result.bounds,
        counted.raw.bounds,
        counted.product.bounds,
        counted.rows.quantiles[:: QUANTILES // ROW_SIZES] if counted.rows.total else None,
    )


def width_of(node: Node, bits: Bits) -> tuple[int, bool]:
    """How many bits, and whether they are this operator's own; a layer's name goes first."""
    if not isinstance(bits, Mapping):
        return bits, False
    named = [name for name in bits if _is_named(node, name)]
    named.sort(key=lambda name: name != layer_name(node))
    return (bits[named[0]], True) if named else (bits.get("*", BITS), False)


def _scale(operator: str, histogram: Histogram, method: Method, bits: int) -> float:
    softmax = operator in ("softmax.int", "_softmax", operators.ATTENTION)
    low = max(histogram.minimum, -_EXP_REACH) if softmax else histogram.minimum
    largest = covering_scale(low, histogram.maximum, bits)
    if method == "minmax":
        return largest
    if softmax:
        return least_squares_scale(histogram, largest, bits, of=np.exp)
    return least_squares_scale(histogram, largest, bits)


def _name(node: Node) -> str:
    return _describe(operator_name(node), layer_name(node), source(node))


def _describe(operator: str, layer: str, place: tuple[str, int] | None) -> str:
    at = f"{place[0]}:{place[1]}: " if place else ""
    return f"{at}`{operator}`" + (f" of layer `{layer}`" if layer else "")
