"""
Observe the inputs of a model's non-linear operators and choose a power-of-two scale for each.

    calibration = calibrate(model, batches, method="mse")
    program = export(model, batches[0], calibration=calibration)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.fx import Interpreter, Node

from lut_opt.dialects.quantization import covering_scale
from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.graph import (
    Graph,
    Inputs,
    build,
    layer_name,
    operator_name,
    source,
)

_HALF = 1 << 13
"""Histogram bins on each side of zero: a bin is at most 1/64 of the min–max INT8 step."""

_CLIPPED_OCTAVES = 5
"""How far below the min–max scale the least squared error is looked for."""

_POINTS_PER_BIN = 4

_MASKED = -1e4
"""Softmax arguments this far below their maximum are masked out, and say nothing about the data."""

Method = Literal["minmax", "mse"]


class CalibrationError(ValueError):
    """What was observed that no scale can cover, at which operator, and what to do about it."""


class Histogram:
    """Counts of values in equal bins over [−limit, limit); the limit doubles when need be."""

    def __init__(self) -> None:
        self.limit = 0.0
        self.counts: NDArray[np.int64] = np.zeros(2 * _HALF, np.int64)
        self.minimum = math.inf
        self.maximum = -math.inf

    def add(self, values: NDArray[Any]) -> None:
        """Count finite values of any shape; an empty array changes nothing."""
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
        self._grow(max(abs(low), abs(high)))
        width = self.limit / _HALF
        bins = np.floor(values.reshape(-1).astype(np.float64) / width).astype(np.int64) + _HALF
        self.counts += np.bincount(bins, minlength=2 * _HALF)

    @property
    def total(self) -> int:
        """Number of values counted."""
        return int(self.counts.sum())

    def _grow(self, magnitude: float) -> None:
        if not self.limit:
            # The smallest power of two above the magnitude; 1 where every value is zero.
            self.limit = math.ldexp(1.0, math.frexp(magnitude)[1]) if magnitude else 1.0
        while magnitude >= self.limit:
            self.limit *= 2
            middle = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(middle, _HALF // 2)


@dataclass(frozen=True)
class Observation:
    """
    What one non-linear operator saw, and the scale chosen for it.

    `minimum` and `maximum` are observed reals, `scale` is a power of two, and the integer input `q`
    of `bits` bits stands for `scale · q`. For softmax and attention the values are those after the
    row's maximum was subtracted.
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

    @property
    def range(self) -> tuple[float, float]:
        """The reals that the smallest and the largest stored integer stand for."""
        half = 1 << (self.bits - 1)
        return -half * self.scale, (half - 1) * self.scale

    @property
    def stored_counts(self) -> NDArray[np.int64]:
        """How often each stored input was seen, ascending; 2^bits counts."""
        half = 1 << (self.bits - 1)
        bins = np.flatnonzero(self.counts)
        centres = (bins - _HALF + 0.5) * (self.limit / _HALF)
        stored = np.clip(np.rint(centres / self.scale), -half, half - 1).astype(np.int64) + half
        return np.bincount(stored, self.counts[bins], 2 * half).astype(np.int64)

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
    bits: int
    decompose: tuple[str, ...] = ()


def calibrate(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    method: Method = "minmax",
    bits: int = 8,
    decompose: tuple[str, ...] = (),
) -> Calibration:
    """
    Run the model on batches and choose a scale for the input of each non-linear operator.

    A batch is a tensor, a tuple of positional arguments or a mapping of keyword arguments; shapes
    may differ. `minmax` takes the smallest power of two whose range covers all that was seen; `mse`
    may clip, and minimizes the squared quantization error. Raises `CalibrationError` for NaN or
    infinity and if there is no batch, `ExportError` for a model that cannot be exported.
    """
    _check_options(method, bits)
    graphs: dict[str, Graph] = {}
    first: Graph | None = None
    histograms: list[Histogram] = []
    for batch in batches:
        inputs = Inputs.of(batch)
        key = inputs.shape_key
        if key not in graphs:
            graphs[key] = build(model, inputs, decompose=decompose)
        graph = graphs[key]
        if first is None:
            first = graph
            histograms = [Histogram() for _ in graph.non_linear]
        _check_same_path(graph, first)
        _observe(graph, inputs, histograms)
    if first is None:
        raise CalibrationError("no batch was given; calibrate with at least one")
    observations = tuple(
        None if node in first.constant else _chosen(node, histogram, method, bits)
        for node, histogram in zip(first.non_linear, histograms, strict=True)
    )
    return Calibration(observations, first.names, method, bits, decompose)


def _check_options(method: str, bits: int) -> None:
    if method not in ("minmax", "mse"):
        raise ValueError(f"method is {method!r}; it must be 'minmax' or 'mse'")
    if not 2 <= bits <= 16:
        raise ValueError(f"bits is {bits}; it must be from 2 to 16")


def _check_same_path(graph: Graph, first: Graph) -> None:
    if graph.names != first.names:
        raise CalibrationError(
            f"a batch takes another path through the model than the first ({len(graph.names)} "
            f"non-linear operators, not {len(first.names)}); calibrate with batches that run the "
            "same operators"
        )


def _observe(graph: Graph, inputs: Inputs, histograms: list[Histogram]) -> None:
    index = {node: i for i, node in enumerate(graph.non_linear) if node not in graph.constant}

    class Observer(Interpreter):
        def run_node(self, n: Node) -> Any:
            if n in index:
                arguments, keywords = self.fetch_args_kwargs_from_env(n)
                seen = _seen(n, arguments, keywords)
                histograms[index[n]].add(seen)
            return super().run_node(n)

    with torch.no_grad():
        Observer(graph.program.graph_module).run(*graph.bind(inputs), enable_io_processing=False)


def _seen(node: Node, arguments: Any, keywords: Any) -> NDArray[Any]:
    name = operator_name(node)
    if name == operators.ATTENTION:
        values = _below_maximum(_scores(*arguments, **keywords), -1)
    elif name in operators.SOFTMAX:
        values = _below_maximum(arguments[0], arguments[1])
    else:
        values = arguments[0]
    array: NDArray[Any] = values.detach().to(torch.float64).cpu().numpy()
    if not np.isfinite(array).all():
        wrong = "NaN" if np.isnan(array).any() else "infinity"
        raise CalibrationError(
            f"{_describe(name, layer_name(node), source(node))}: its input holds {wrong}; no scale "
            "covers that: check the batch, or leave the value out before the operator"
        )
    return array


def _below_maximum(x: torch.Tensor, dim: int) -> torch.Tensor:
    """The distances to the maximum, without those of masked elements."""
    distance = x - x.amax(dim, keepdim=True)
    unmasked = (x > torch.finfo(x.dtype).min) & (distance > _MASKED) | distance.isnan()
    # A row that is masked altogether has no maximum to be below.
    return distance[unmasked & (x != -math.inf)]


def _scores(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """What `scaled_dot_product_attention` takes the softmax of."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    scores = query @ key.transpose(-2, -1) * (scale or query.shape[-1] ** -0.5)
    if is_causal:
        kept = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~kept, -math.inf)
    if attn_mask is None:
        return scores
    if attn_mask.dtype == torch.bool:
        return scores.masked_fill(~attn_mask, -math.inf)
    return scores + attn_mask


def _chosen(node: Node, histogram: Histogram, method: Method, bits: int) -> Observation:
    name, layer, place = operator_name(node), layer_name(node), source(node)
    if not histogram.total:
        raise CalibrationError(
            f"{_describe(name, layer, place)}: no value was seen; give larger batches"
        )
    scale = covering_scale(histogram.minimum, histogram.maximum, bits)
    if method == "mse":
        scale = least_squares_scale(histogram, scale, bits)
    return Observation(
        name,
        layer,
        place,
        histogram.minimum,
        histogram.maximum,
        histogram.limit,
        histogram.counts,
        scale,
        bits,
    )


def least_squares_scale(histogram: Histogram, largest: float, bits: int) -> float:
    """The power of two up to `largest` with the least squared error, that of clipping included."""
    width = histogram.limit / _HALF
    offsets = (np.arange(_POINTS_PER_BIN) + 0.5) / _POINTS_PER_BIN
    bins = np.flatnonzero(histogram.counts)
    points = (bins[:, None] - _HALF + offsets) * width
    counts = histogram.counts[bins][:, None]
    half = 1 << (bits - 1)

    def error(scale: float) -> float:
        restored = np.clip(np.rint(points / scale), -half, half - 1) * scale
        return float((counts * (restored - points) ** 2).sum())

    candidates = [math.ldexp(largest, -octave) for octave in range(_CLIPPED_OCTAVES + 1)]
    return min(candidates, key=error)


def _describe(operator: str, layer: str, place: tuple[str, int] | None) -> str:
    at = f"{place[0]}:{place[1]}: " if place else ""
    return f"{at}`{operator}`" + (f" of layer `{layer}`" if layer else "")
