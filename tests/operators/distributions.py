"""Inputs of many kinds, as NumPy arrays in double precision."""

from __future__ import annotations

import numpy as np

from lut_opt.dialects.quantization import Reals

ELEMENTS = 512

CONSTANT = 0.7


def _normal(rng: np.random.Generator) -> Reals:
    return rng.normal(size=ELEMENTS)


def _one_sided(rng: np.random.Generator) -> Reals:
    return -5.0 * np.abs(_normal(rng))


def _far(rng: np.random.Generator) -> Reals:
    return 40.0 + _normal(rng)


def _octaves(rng: np.random.Generator) -> Reals:
    return rng.choice((-1.0, 1.0), ELEMENTS) * np.exp2(rng.uniform(-5.0, 5.0, ELEMENTS))


def _constant(rng: np.random.Generator) -> Reals:
    return np.full(ELEMENTS, CONSTANT)


def _outliers(rng: np.random.Generator) -> Reals:
    """
    One in a hundred is ±60; not the first, for of exp(60) and exp(−60), seen both, no storage that
    holds the one keeps anything of the other, and a single number would be just that.
    """
    x = _normal(rng)
    far = slice(ELEMENTS // 10, None, ELEMENTS // 5)
    x[far] = rng.choice((-60.0, 60.0), len(x[far]))
    return x


DISTRIBUTIONS = {
    "normal": _normal,
    "one-sided": _one_sided,
    "far from zero": _far,
    "ten octaves": _octaves,
    "constant": _constant,
    "outliers": _outliers,
}


def sample(name: str, seed: int) -> Reals:
    """`ELEMENTS` numbers; the first may stand for all where one is wanted."""
    return DISTRIBUTIONS[name](np.random.default_rng(seed))
