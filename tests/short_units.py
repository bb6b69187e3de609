"""Units of rows narrow enough that every short row of theirs can be proved."""

from __future__ import annotations

import numpy as np

from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.passes.hw.row_unit.unit import row_unit

PROBABILITY, RESULT = Quantization(4, False, 2.0**-4), Quantization(5, True, 2.0**-2)
EXP = Table((-4,), (1, 4), (7, 16), param_bits=8)
RECIPROCAL = Table((1200,), (-48, -25), (7000, 5200), 4, 0, 16)
LOG = Table((1500,), (54, 37), (-55000, -30000), 0, 0, 17)
RSQRT = Table((900, 1500), (-38, -19, -13), (5300, 4260, 3700), 4, 0, 16)
AFFINE = Quantization(4, True, 2.0**-2), Quantization(6, True, 2.0**-4)
LOADED = {"gamma": np.array([3, -7, 5, 1]), "beta": np.array([-9, 0, 17, 4])}


def softmax(operand: Quantization) -> units.Softmax:
    return units.Softmax(operand, PROBABILITY, -7, 4, EXP, RECIPROCAL)


def short_units(scores: Quantization, normed: Quantization, length: int) -> dict[str, RowUnit]:
    """One of each kind, by name."""
    log_softmax = units.LogSoftmax(scores, RESULT, -7, 4, EXP, LOG)
    made = (
        row_unit("softmax", softmax(scores), length),
        row_unit("log_softmax", log_softmax, length),
        row_unit("layer_norm", units.LayerNorm(normed, RESULT, RSQRT, 1e-3, *AFFINE), length),
        row_unit("rms_norm", units.RMSNorm(normed, RESULT, RSQRT, 1e-3), length, 1),
    )
    return {unit.module: unit for unit in made}


def parameters(unit: RowUnit) -> dict[str, Integers]:
    """Gamma and beta, of those that a unit has."""
    return {name: LOADED[name][: unit.length] for name in unit.semantics.parameters}
