"""
NN-LUT (Yu et al., DAC 2022): a table learned as a network of one hidden ReLU layer.

    network = train(curve, low, high, entries=8, config=NeuralConfig(), seed=0)
    table = network.table()        # exactly the same function

Each ReLU bends the function once, at −bias/weight: N−1 of them make N segments. NumPy and the
gradient written out; nothing else is needed for so small a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from lut_opt.dialects.quantization import Reals
from lut_opt.passes.search.heuristic.genetic import Rounding
from lut_opt.passes.search.model.real_table import RealTable

Loss = Literal["l1", "l2"]
Sampling = Literal["uniform", "log"]

_GAIN = 4.0
"""Size of the first weights, inputs being in [−1, 1]: large ones keep breakpoints from drifting."""

_MOMENTS = (0.9, 0.999, 1e-8)
"""β₁, β₂ and ε of Adam (Kingma and Ba, 2015, Algorithm 1)."""


@dataclass(frozen=True)
class NeuralConfig:
    """
    Options of the training.

    Raises `ValueError` where an option is out of range.
    """

    samples: int = 100_000
    """Inputs drawn from the range once (NN-LUT: 100 K)."""
    epochs: int = 120
    """Passes over the samples."""
    batch: int = 1024
    """Samples for one step."""
    learning_rate: float = 2e-2
    """Of Adam at the start, for targets of unit deviation; it falls to a thousandth along half a
    cosine."""
    loss: Loss = "l1"
    """`l1`: mean absolute error (NN-LUT); `l2`: mean squared error."""
    linear: bool = True
    """Adds a·x to the network: without it the outer slopes follow from the signs of the weights."""
    sampling: Sampling = "uniform"
    """`log` spreads the inputs evenly over octaves, for wide ranges of positive inputs."""
    rounding: Rounding = "ceiling"
    """Integer breakpoints from real ones: up, which moves no input, or to nearest."""
    refit: bool = False
    """Take only the breakpoints from the network, and the best integer lines between them."""

    def __post_init__(self) -> None:
        checks = {
            "samples must be at least 2": self.samples >= 2,
            "epochs must be at least 1": self.epochs >= 1,
            "batch must be at least 1": self.batch >= 1,
            "learning-rate must be positive": self.learning_rate > 0,
            "loss must be l1 or l2": self.loss in get_args(Loss),
            "sampling must be uniform or log": self.sampling in get_args(Sampling),
            "rounding must be ceiling or nearest": self.rounding in get_args(Rounding),
        }
        for message, holds in checks.items():
            if not holds:
                raise ValueError(message)


@dataclass(frozen=True, eq=False)
class Network:
    """
    `y = Σ out_j · max(0, weight_j · z + bias_j) + linear · z + offset`, `z = (x − centre) / width`.

    Arrays have the shape (hidden,).
    """

    weight: Reals
    bias: Reals
    out: Reals
    linear: float = 0.0
    offset: float = 0.0
    centre: float = 0.0
    width: float = 1.0
    """Half the range; positive."""

    def __call__(self, x: Reals) -> Reals:
        """The network's answers, any shape."""
        z = (np.asarray(x, np.float64) - self.centre) / self.width
        hidden = np.maximum(z[..., None] * self.weight + self.bias, 0.0)
        return hidden @ self.out + self.linear * z + self.offset

    def table(self) -> RealTable:
        """
        The same function as a table of hidden + 1 segments, in x.

        A neuron of positive weight is active right of its breakpoint −bias/weight, one of negative
        weight left of it, one of weight zero everywhere or nowhere; the last has no breakpoint and
        gets one at `centre`, with the same line on both sides.
        """
        flat = self.weight == 0.0
        with np.errstate(over="ignore"):
            bends = np.where(flat, 0.0, -self.bias / np.where(flat, 1.0, self.weight))
        order = np.argsort(bends, kind="stable")
        weight, bias, out = self.weight[order], self.bias[order], self.out[order]
        segment, neuron = np.arange(len(order) + 1)[:, None], np.arange(len(order))
        right = segment > neuron
        active = np.where(weight == 0.0, bias > 0.0, np.where(weight > 0.0, right, ~right))
        slopes = (active * (out * weight)).sum(axis=1) + self.linear
        levels = (active * (out * bias)).sum(axis=1) + self.offset
        slopes /= self.width
        limit = 1e300 / max(self.width, 1.0)
        breakpoints = np.clip(bends[order], -limit, limit) * self.width + self.centre
        return RealTable(breakpoints, slopes, levels - slopes * self.centre)

    @classmethod
    def of(cls, table: RealTable, low: float, high: float) -> Network:
        """
        The network of a continuous table, scaled to [low, high].

        Raises `ValueError` where neighbouring lines do not meet at their breakpoint.
        """
        steps = np.diff(table.slopes) * table.breakpoints + np.diff(table.intercepts)
        size = 1.0 + np.abs(table.intercepts[1:]) + np.abs(table.slopes[1:] * table.breakpoints)
        if np.any(np.abs(steps) > 1e-9 * size):
            raise ValueError("a table is a network of ReLUs only where its lines meet")
        centre, width = (low + high) / 2.0, (high - low) / 2.0
        return cls(
            weight=np.ones(table.entries - 1),
            bias=(centre - table.breakpoints) / width,
            out=np.diff(table.slopes) * width,
            linear=float(table.slopes[0] * width),
            offset=float(table.slopes[0] * centre + table.intercepts[0]),
            centre=centre,
            width=width,
        )


def train(
    curve: Callable[[Reals], Reals],
    low: float,
    high: float,
    entries: int,
    config: NeuralConfig,
    *,
    seed: int = 0,
) -> Network:
    """
    A network of `entries` segments for the function on [low, high]; the seed alone decides it.

    Raises `ValueError` for an empty range, fewer than one entry, or log samples of a range that is
    not positive.
    """
    if not low < high or entries < 1:
        raise ValueError(f"no network of {entries} segments on [{low:g}, {high:g}]")
    if config.sampling == "log" and low <= 0.0:
        raise ValueError(f"log samples need a positive range, not [{low:g}, {high:g}]")
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, high, config.samples)
    bends = (np.arange(entries - 1) + rng.uniform(0.25, 0.75, entries - 1)) / max(entries - 1, 1)
    weight = np.where(rng.random(entries - 1) < 0.5, -_GAIN, _GAIN)
    if config.sampling == "log":
        x = low * (high / low) ** ((x - low) / (high - low))
        bends = (low * (high / low) ** bends - low) / (high - low)
        # active to the left only, where all of its range is as fine as the octave it bends in
        weight = -_GAIN / bends
    network = Network(
        weight=weight,
        bias=-weight * (2.0 * bends - 1.0),
        out=rng.normal(0.0, 0.1, entries - 1),
        centre=(low + high) / 2.0,
        width=(high - low) / 2.0,
    )
    return fit(network, x, curve(x), config, rng)


def calibrate(
    network: Network,
    curve: Callable[[Reals], Reals],
    observed: Reals,
    config: NeuralConfig | None = None,
    *,
    seed: int = 0,
) -> Network:
    """
    Fine-tune a network on inputs that were seen in use, shape (n,).

    No labels of a data set are needed: the function itself is the teacher (NN-LUT, calibration).
    Of the observed inputs at most `config.samples` are drawn; the default learns at a tenth of the
    usual rate and prefers the mean squared error.
    """
    config = NeuralConfig(learning_rate=2e-3, epochs=30, loss="l2") if config is None else config
    x = np.asarray(observed, np.float64).reshape(-1)
    if not len(x) or not np.all(np.isfinite(x)):
        raise ValueError("calibration needs at least one input, all of them finite")
    rng = np.random.default_rng(seed)
    if len(x) > config.samples:
        x = rng.choice(x, config.samples, replace=False)
    return fit(network, x, curve(x), config, rng)


def fit(
    network: Network, x: Reals, y: Reals, config: NeuralConfig, rng: np.random.Generator
) -> Network:
    """
    Adam on mini-batches of the pairs (x, y), both of shape (n,); what has no value is left out.

    The network learns `(y − mean) / deviation`, so the learning rate suits every function.
    """
    usable = np.isfinite(y)
    if not np.any(usable):
        raise ValueError("the function has no finite value at any sample")
    z, y = (x[usable] - network.centre) / network.width, y[usable]
    level, size = float(y.mean()), float(y.std()) or 1.0
    y, hidden = (y - level) / size, len(network.weight)
    outer = np.array([network.linear, network.offset - level]) / size
    values = np.concatenate([network.weight, network.bias, network.out / size, outer])
    mean, square, gradient = np.zeros((3, len(values)))
    steps = config.epochs * -(-len(z) // config.batch)
    beta, gamma, tiny = _MOMENTS
    for step, batch in enumerate(_batches(len(z), config, rng), start=1):
        _gradient(values, hidden, z[batch], y[batch], config.loss, gradient)
        if not config.linear:
            gradient[-2] = 0.0
        mean += (1.0 - beta) * (gradient - mean)
        square += (1.0 - gamma) * (gradient * gradient - square)
        rate = config.learning_rate * (0.001 + 0.4995 * (1.0 + np.cos(np.pi * step / steps)))
        scale = rate * np.sqrt(1.0 - gamma**step) / (1.0 - beta**step)
        values -= scale * mean / (np.sqrt(square) + tiny)
    weight, bias, out = values[:-2].reshape(3, hidden)
    linear, offset = float(values[-2] * size), float(values[-1] * size + level)
    return replace(network, weight=weight, bias=bias, out=out * size, linear=linear, offset=offset)


def _batches(count: int, config: NeuralConfig, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Index arrays of mini-batches, every sample once an epoch, in random order."""
    for _ in range(config.epochs):
        order = rng.permutation(count)
        yield from (order[i : i + config.batch] for i in range(0, count, config.batch))


def _gradient(values: Reals, hidden: int, z: Reals, y: Reals, loss: Loss, into: Reals) -> None:
    """Gradient of the mean loss in weights, biases, output weights, linear part and offset."""
    weight, bias, out = values[:-2].reshape(3, hidden)
    active = weight[:, None] * z + bias[:, None]
    np.maximum(active, 0.0, out=active)
    error = out @ active + values[-2] * z + values[-1] - y
    slope = (np.sign(error) if loss == "l1" else 2.0 * error) / len(z)
    into[2 * hidden : 3 * hidden] = active @ slope
    on = (active > 0.0).astype(np.float64)
    into[:hidden] = (on @ (slope * z)) * out
    into[hidden : 2 * hidden] = (on @ slope) * out
    into[-2], into[-1] = slope @ z, slope.sum()


@dataclass(frozen=True, eq=False)
class InputScaled:
    """
    NN-LUT's input scaling: inputs below `threshold` are multiplied by `factor` first.

    For f(x) = c·x^power, `f(x) = f(factor·x) · factor^−power`, so a table for [threshold, …] serves
    small inputs too (reciprocal: power −1; rsqrt: −1/2, NN-LUT takes factor 2^10).
    """

    table: RealTable
    threshold: float
    factor: float
    power: float

    def __call__(self, x: Reals) -> Reals:
        """Values at `x`, any shape."""
        x = np.asarray(x, np.float64)
        small = x < self.threshold
        y = self.table(np.where(small, x * self.factor, x))
        return np.where(small, y * self.factor**-self.power, y)
