"""
The integer semantics of the units, `pwl.softmax` and so on, and their error bounds.

This is the only definition; the interpreter calls it, the arithmetic is tested against it.
Everything is an integer; `>>` rounds down, `round(a, s)` below is `(a + 2^(s−1)) >> s`.

Softmax of one row of stored inputs q, with c = `clip` < 0 and exp results of f fraction bits:

    d = max(q − max(q), c)                     # exact; the exp table holds exactly 0 at c
    e = exp(d)                                 # table: 0 … 2^f
    s = Σ e,  k = position of s's leading one  # 1 ≤ s < 2^30
    t = s / 2^k in [1, 2], to 10 fraction bits, r = reciprocal(t)        # table: 16 fraction bits
    y = clamp(round(e · r, k + 16 − o))        # result scale 2^−o: the only rounding of the result

Log-softmax has the same e, s, k and t, and an input scale 2^−i of at least 2^−16:

    L = log(t) + (k − f)·⌊2^16·ln 2 + ½⌋       # table: 16 fraction bits; L is ln Σ
    y = clamp(round((q − max(q))·2^(16−i) − L, 16 − o))     # the distance itself is not clipped

A norm of one row of n stored inputs, c = q − zero point, F = 34 − 2·⌈log₂ max|c|⌉ ≥ 4:

    layer norm:  a = n·c − Σc,  V = n·Σc² − (Σc)²       RMS norm:  a = n·c,  V = n·Σc²   # all exact
    v = max(V·2^F + ⌊n²·ε·2^F/S²⌋, 2^F)                 # n²·variance with F fraction bits, < 2^62
    t = v / 4^k in [1, 4], to 9 fraction bits, r = rsqrt(t)             # table: 16 fraction bits
    x̂ = round(a · r, 2 + k − F/2)                       # 14 fraction bits, |x̂| < 2^21
    y = clamp(round(x̂ · γ + (β << shift), shift to the result scale))   # the affine part, folded

Inputs of a norm of more than 16 bits, whose rows may differ by 10^5 in size, are narrowed first, by
the leading zeros of each row: of its largest |c| for an RMS norm (m = 0), for a layer norm of its
largest distance from the middle m = (min c + max c) >> 1,

    w = max(0, position of the leading one of max|c − m| − 14),   c := round(c − m, w)

in the place of c, and ⌊n²·ε·2^F/S² / 4^w⌋ in that of ε. What is squared then has 16 bits.

Mean and variance are never rounded: both sides are multiplied by n instead of divided. Rows hold 1
to 8,192 elements; with squares of at most 2^30 no sum then leaves 64 bits.

The formula of a division is with the other range reductions, in `lut_opt.dialects.pwl.reduction`.
"""

from collections.abc import Mapping

from lut_opt.dialects.pwl.units.division import Division
from lut_opt.dialects.pwl.units.norm import (
    MAX_CENTRED_BITS,
    MAX_EPSILON_SHIFT,
    MAX_NARROWING,
    NORM_FRACTION,
    RSQRT_BITS,
    RSQRT_OPERAND,
    LayerNorm,
    Norm,
    RMSNorm,
)
from lut_opt.dialects.pwl.units.softmax import (
    LOG_RESULT,
    LOG_TWO,
    MAX_EXP_FRACTION,
    RECIPROCAL_BITS,
    RECIPROCAL_OPERAND,
    LogSoftmax,
    RowExponentials,
    Softmax,
    exp_fraction_for,
    exp_operand,
    exp_result,
)
from lut_opt.dialects.pwl.units.unit import (
    BLANK,
    INVERSE_RESULT,
    MAX_ROW,
    TABLE_FRACTION,
    Constant,
    Part,
    Rowwise,
    Unit,
    fraction_of,
)

UNITS: Mapping[str, type[Unit]] = {
    unit.name: unit for unit in (Softmax, LogSoftmax, LayerNorm, RMSNorm, Division)
}
"""Every unit by its name."""

__all__ = [
    "BLANK",
    "INVERSE_RESULT",
    "LOG_RESULT",
    "LOG_TWO",
    "MAX_CENTRED_BITS",
    "MAX_EPSILON_SHIFT",
    "MAX_EXP_FRACTION",
    "MAX_NARROWING",
    "MAX_ROW",
    "NORM_FRACTION",
    "RECIPROCAL_BITS",
    "RECIPROCAL_OPERAND",
    "RSQRT_BITS",
    "RSQRT_OPERAND",
    "TABLE_FRACTION",
    "UNITS",
    "Constant",
    "Division",
    "LayerNorm",
    "LogSoftmax",
    "Norm",
    "Part",
    "RMSNorm",
    "RowExponentials",
    "Rowwise",
    "Softmax",
    "Unit",
    "exp_fraction_for",
    "exp_operand",
    "exp_result",
    "fraction_of",
]
