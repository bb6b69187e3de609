"""
The published experiment: GQA-LUT's Table 1 as configurations, and its metric as problems.

    config = genetic_preset("gelu", 8)                      # Table 1, Algorithms 1 and 2 as printed
    table = search_real_table("gelu", 8, config, seed=0)    # FP32 breakpoints, λ bits
    mse = per_scale_mse("gelu", table, frac_bits=5)         # one for each S = 2^0 … 2^−6
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.search.heuristic.genetic import GeneticConfig, GeneticSearch, Rounding, evolve
from lut_opt.passes.search.heuristic.joint import JointProblem, Scale, formulate_joint
from lut_opt.passes.search.heuristic.objective import RealObjective, integer_table
from lut_opt.passes.search.model.formulate import Shape, formulate
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.real_table import RealTable

Variant = Literal["printed", "authors", "integer"]

_NOISE, _NOISE_RATE = 0.2, 0.1
"""Deviation in real units and chance of each breakpoint: the authors' program (the paper: none)."""


@dataclass(frozen=True)
class SeedFunction:
    """One column of GQA-LUT's Table 1, with what the authors' program adds to it."""

    name: str
    """Key of `FUNCTIONS`."""
    low: float
    """R_n, real units."""
    high: float
    """R_p, real units."""
    ends: tuple[float, float]
    """Authors: where the chords of the outer segments end."""
    rounding_ranges: tuple[tuple[int, int], tuple[int, int]] = ((0, 5), (0, 5))
    """[m_a, m_b] for 8 and for 16 entries; Table 1 has none for DIV and RSQRT."""
    rounding_rate: float = 0.05
    """θ_r."""
    shifts: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    """−log2 S of the scales at which the paper measures."""
    signed: bool = True
    """Whether the stored input is signed."""
    margins: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    """Authors: how far breakpoints stay from R_n and R_p, for 8 and for 16 entries."""

    @property
    def data_size(self) -> int:
        """Points of the 0.01 grid: 0.8 K, 0.35 K and 0.36 K in Table 1."""
        return round((self.high - self.low) / 0.01)


_TAILS = (-1e4, 1e4)

SEED_FUNCTIONS: dict[str, SeedFunction] = {
    f.name: f
    for f in (
        SeedFunction("gelu", -4.0, 4.0, _TAILS, ((2, 6), (0, 6))),
        SeedFunction("hardswish", -4.0, 4.0, _TAILS, ((0, 6), (2, 6))),
        SeedFunction(
            "exp", -8.0, 0.0, (-16.0, 0.0), ((0, 6), (0, 6)), margins=((0.0, 0.0), (1.5, 0.0))
        ),
        SeedFunction(
            "reciprocal",
            0.5,
            4.0,
            (0.5, 4.0),
            rounding_rate=0.0,
            shifts=(5,),
            signed=False,
            margins=((0.125, 0.125), (0.125, 0.125)),
        ),
        SeedFunction(
            "rsqrt",
            0.25,
            4.0,
            (0.25, 4.0),
            rounding_rate=0.0,
            shifts=(5,),
            signed=False,
            margins=((0.0, 0.125), (0.0, 0.125)),
        ),
        # not in the paper; its program lists it and treats it as GELU
        SeedFunction("silu", -4.0, 4.0, _TAILS, ((0, 6), (0, 6))),
    )
}
"""Table 1's columns GELU, HSWISH, EXP, DIV, RSQRT, and SiLU. DIV and RSQRT: unsigned, S = 1/32."""


def seed_function(name: str) -> SeedFunction:
    """The settings of a function. Raises `ValueError` for one that has none."""
    if name not in SEED_FUNCTIONS:
        raise ValueError(f"the preset must be one of {', '.join(SEED_FUNCTIONS)}, not '{name}'")
    return SEED_FUNCTIONS[name]


def genetic_preset(
    function: str,
    entries: int,
    *,
    variant: Variant = "printed",
    rounding_mutation: bool | None = None,
) -> GeneticConfig:
    """
    Table 1 for one function: N_p = 50, θ_c = 0.7, θ_m = 0.2, T = 500.

    `printed` is Algorithms 1 and 2 as the paper prints them; `authors` is what the authors' program
    does (tails, coefficients rounded in the fitness, noise beside the rounding mutation); `integer`
    judges the quantized table itself, keeps an elite and takes breakpoints by ceiling.
    `rounding_mutation=None` follows Table 1: Algorithm 2 except for DIV and RSQRT (θ_r = 0); True
    there takes θ_r = 0.05 and [0, 5]. Up to 8 entries have the settings of 8, more those of 16.

    Raises `ValueError` for an unknown function or variant.
    """
    seed = seed_function(function)
    if variant not in get_args(Variant):
        raise ValueError(f"the variant must be printed, authors or integer, not '{variant}'")
    mutates = seed.rounding_rate > 0 if rounding_mutation is None else rounding_mutation
    rounds = "rounding" if variant == "printed" else "mixed"
    config = GeneticConfig(
        mutation=rounds if mutates else "normal",
        deviation=_NOISE / (seed.high - seed.low),
        noise_rate=_NOISE_RATE,
        rounding_rate=seed.rounding_rate or 0.05,
        rounding_range=seed.rounding_ranges[entries > 8],
        coefficients="interpolate",
        rounding="nearest",
        keep="last",
    )
    if variant == "authors":
        return replace(config, ends=seed.ends, fitness_bits=fraction_bits(function, variant))
    if variant == "integer":
        return replace(config, fitness="integer", rounding="ceiling", keep="best", elite=1)
    return config


def fraction_bits(function: str, variant: Variant = "printed") -> int:
    """
    λ: 5 in Table 1's note, 6 in the authors' program (8-bit words less 2, for every function).

    Ours is 6 where slopes below 2 suffice, and 5 for DIV and RSQRT, whose slopes reach −4 in INT8.
    """
    small = len(seed_function(function).shifts) > 1
    return 6 if variant == "authors" or (variant == "integer" and small) else 5


def search_real_table(
    function: str, entries: int, config: GeneticConfig, *, seed: int = 0, margins: bool = False
) -> RealTable:
    """
    Algorithm 1 up to line 21: breakpoints in FP32's place, slopes and intercepts not yet rounded.

    `margins` keeps breakpoints as far from R_n and R_p as the authors' Makefile does. The same
    arguments give the same table.
    """
    column = seed_function(function)
    below, above = column.margins[entries > 8] if margins else (0.0, 0.0)
    objective = RealObjective(FUNCTIONS[function], column.low, column.high, config)
    rng = np.random.default_rng(seed)
    state = GeneticSearch(entries - 1, column.low + below, column.high - above, config, rng)
    evolve(state, objective.losses)
    return objective.real_table(state.best)


def scale_problem(
    function: str, entries: int, shift: int, frac_bits: int, param_bits: int = 8
) -> Problem:
    """
    One term of the paper's metric: INT8 inputs q with R_n ≤ S·q ≤ R_p, S = 2^−shift, λ bits.

    The loss of a table is the MSE of S·(k·q + b/S), nothing rounded after the multiply.
    """
    column = seed_function(function)
    operand = Quantization(8, column.signed, 2.0**-shift)
    result = Quantization(32, True, 2.0 ** -(shift + frac_bits))
    points = samples(FUNCTIONS[function], (), operand, result, (column.low, column.high))
    return formulate(
        points,
        operand,
        result,
        # At λ = 6 slopes of DIV and RSQRT saturate in 8 bits.
        Shape(
            entries=entries, param_bits=param_bits, form="seed", frac_bits=frac_bits, saturates=True
        ),
    )


def shared_problem(function: str, entries: int, frac_bits: int) -> JointProblem:
    """
    The whole metric: `merged` has the mean of the MSEs over the scales as its loss.

    Its optimum is the best table that the scales can share (the storage of GQA-LUT Fig. 1b).
    """
    column = seed_function(function)
    scales: list[Scale] = []
    for shift in column.shifts:
        operand = Quantization(8, column.signed, 2.0**-shift)
        result = Quantization(32, True, 2.0 ** -(shift + frac_bits))
        points = samples(FUNCTIONS[function], (), operand, result, (column.low, column.high))
        scales.append(Scale(points, operand, result))
    return formulate_joint(scales, Shape(entries=entries, frac_bits=frac_bits))


def per_scale_mse(
    function: str,
    table: RealTable,
    *,
    frac_bits: int,
    param_bits: int = 8,
    rounding: Rounding = "nearest",
) -> Reals:
    """
    MSE of one real table at each scale of the metric, shape (scales,), in squared real units.

    Slopes and intercepts are rounded to λ bits once; breakpoints by `rounding` at every scale (Eq.
    3). The paper's figure, metric M, is the mean.
    """
    problems = (
        scale_problem(function, table.entries, shift, frac_bits, param_bits)
        for shift in seed_function(function).shifts
    )
    return np.array([p.loss(integer_table(p, table, rounding)) for p in problems])
