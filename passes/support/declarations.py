"""What attributes of an operator declare about its inputs, and how each is read."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DenseIntOrFPElementsAttr, FloatAttr, IntegerAttr, f64
from xdsl.ir import Attribute, Operation
from xdsl.utils.hints import isa

from lut_opt.dialects.quantization import Reals
from lut_opt.passes.support.diagnostics import OpError

RANGE = "pwl.range"
"""Attribute of an operator: the interval [lo, hi] of its input, two 64-bit floats."""

BITS = "pwl.bits"
"""Attribute of an operator: the storage width of its input, instead of that of the pass."""

HISTOGRAM = "pwl.histogram"
"""Attribute of an operator: how often each stored input was seen, ascending, as integers."""

QUANTILES = "pwl.quantiles"
"""Attribute of an operator: real inputs at equal steps of probability, ascending, least to most."""

NUMERATOR = "pwl.range_numerator"
"""Attribute of a division: the interval of what is divided; `pwl.range` is that of the divisor."""

RAW = "pwl.range_raw"
"""Attribute of a softmax: the interval of its scores; `pwl.range` is that of the distances."""

RESULT = "pwl.range_result"
"""
Attribute of an operator: the interval [lo, hi] of its results, lo ≤ hi: of a layer or RMS norm's
after gamma and beta, of a group norm's before.
"""

ROW_SIZES = "pwl.row_sizes"
"""
Attribute of a norm: root mean squares of its rows, of a layer norm's less their means, at equal
steps of probability, ascending.
"""

PRODUCT = "pwl.range_product"
"""Attribute of an inverse (root): the interval of the products that it is a factor of."""

ENTRIES = "pwl.entries"
"""Attribute of an operator: segments of its tables, instead of the `entries` of the search."""

PARAM_BITS = "pwl.param_bits"
"""Attribute of an operator: width of slopes and intercepts, instead of that of the search."""

SIZES = (ENTRIES, PARAM_BITS)
"""What an operator declares of its tables."""

DECLARATIONS = (RANGE, NUMERATOR, BITS, HISTOGRAM, QUANTILES, RAW, RESULT, ROW_SIZES, *SIZES)
"""Attributes that say what an operator takes and makes; they stay with what takes its place."""

KEPT = "pwl.kept"
"""Attribute of an operator that `keep=` left as it is."""

TRAINED = "pwl.trained"
"""Attribute of a unit: its tables and scales were trained with it, and stay."""

FUSED = "pwl.fused"
"""Attribute of a `pwl.apply`: the ops that it stands for, with their source lines."""


def interval(low: float, high: float) -> Attribute:
    """The value of a range attribute."""
    return ArrayAttr([FloatAttr(low, f64), FloatAttr(high, f64)])


def declarations(op: Operation) -> dict[str, Attribute]:
    """What an operator declares about its inputs and results."""
    return {name: op.attributes[name] for name in DECLARATIONS if name in op.attributes}


def input_declarations(op: Operation) -> dict[str, Attribute]:
    """What a composite declares that is true of the operator inside, which has other results."""
    return {name: value for name, value in declarations(op).items() if name != RESULT}


def operand_declarations(op: Operation, name: str) -> dict[str, Attribute]:
    """What an operator declares, by an attribute of that name, of the operand of a table."""
    made: dict[str, Attribute] = {}
    if (interval := op.attributes.get(name)) is not None:
        made[RANGE] = interval
    # What a division counted are its denominators.
    counted = (HISTOGRAM, QUANTILES) if name == RANGE else ()
    return made | {each: op.attributes[each] for each in counted if each in op.attributes}


def result_declarations(op: Operation) -> dict[str, Attribute]:
    """What the last op of a table declares of its results."""
    return {RESULT: op.attributes[RESULT]} if RESULT in op.attributes else {}


def row_declarations(op: Operation) -> dict[str, Attribute]:
    """What an operator declares of the rows that a unit takes and makes; widths are chosen then."""
    chosen = (BITS, HISTOGRAM)
    return {name: value for name, value in declarations(op).items() if name not in chosen}


def size_declarations(op: Operation) -> dict[str, Attribute]:
    """What an operator declares of its tables."""
    return {name: op.attributes[name] for name in SIZES if name in op.attributes}


def chosen_declarations(op: Operation) -> dict[str, Attribute]:
    """What was chosen for an operator: the width of its input and the sizes of its tables."""
    return {name: op.attributes[name] for name in (BITS, *SIZES) if name in op.attributes}


def declared_bits(op: Operation, default: int) -> int:
    """The storage width of the op's `pwl.bits`, checked, or else the default."""
    width = declared_integer(op, BITS, 2, 32)
    return default if width is None else width


def declared_integer(op: Operation, name: str, least: int, most: int) -> int | None:
    """An integer that the op declares, checked; None where it does not."""
    attribute = op.attributes.get(name)
    if attribute is None:
        return None
    if not isa(attribute, IntegerAttr) or not least <= attribute.value.data <= most:
        raise OpError(op, f"{name} must be an integer from {least} to {most}, got {attribute}")
    return attribute.value.data


def declared_range(op: Operation, name: str = RANGE) -> tuple[float, float] | None:
    """The interval of the op's `pwl.range`, checked."""
    bounds = _bounds(op, name)
    if bounds is not None and not bounds[0] < bounds[1]:
        raise OpError(op, f"{name} must ascend, got [{bounds[0]}, {bounds[1]}]")
    return bounds


def declared_result(op: Operation) -> tuple[float, float] | None:
    """The interval of the op's `pwl.range_result`, checked; it may be one number."""
    return declared_extent(op, RESULT)


def declared_extent(op: Operation, name: str) -> tuple[float, float] | None:
    """An interval that may be one number, checked."""
    bounds = _bounds(op, name)
    if bounds is not None and not bounds[0] <= bounds[1]:
        raise OpError(op, f"{name} must not descend, got [{bounds[0]}, {bounds[1]}]")
    return bounds


def _bounds(op: Operation, name: str) -> tuple[float, float] | None:
    attribute = op.attributes.get(name)
    if attribute is None:
        return None
    bounds: list[float] = []
    if isa(attribute, ArrayAttr[Attribute]):
        bounds = [
            float(entry.value.data) for entry in attribute if isa(entry, FloatAttr | IntegerAttr)
        ]
    if len(bounds) != 2:
        raise OpError(op, f"{name} must be two 64-bit floats, as in [-4.0, 4.0], got {attribute}")
    low, high = bounds
    if not (math.isfinite(low) and math.isfinite(high)):
        raise OpError(op, f"{name} must be finite, got [{low}, {high}]")
    return low, high


def declared_quantiles(attributes: Mapping[str, Attribute]) -> Reals | None:
    """The inputs of `pwl.quantiles`, ascending; None where nothing was counted."""
    return _ascending(attributes.get(QUANTILES))


def declared_row_sizes(op: Operation) -> Reals | None:
    """The sizes of `pwl.row_sizes`, ascending; None where no rows were seen."""
    sizes = _ascending(op.attributes.get(ROW_SIZES))
    return sizes if sizes is not None and sizes[0] >= 0 else None


def _ascending(attribute: Attribute | None) -> Reals | None:
    match attribute:
        case DenseIntOrFPElementsAttr() as dense:
            x = np.asarray(list(dense.get_values()), np.float64)
            return x if len(x) > 1 and np.isfinite(x).all() and (np.diff(x) >= 0).all() else None
        case _:
            return None
