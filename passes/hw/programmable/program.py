"""
What software writes into a programmable unit: an address map, and a table as a list of writes.

    address          word                   with N entries
    0 … N−1          slope i
    N … 2N−1         intercept i
    2N … 3N−2        breakpoint i
    3N−1             intercept_shift, and result_shift above it (units that have shifts)

Every word sits in the low bits of the data port. Writes may come in any order; between the first
and the last of them the unit answers neither the old table nor the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lut_opt.dialects.pwl.hardware import Layout, Write
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, storage_range


def fit_layout(
    tables: Sequence[Table],
    operand: Quantization,
    entries: int,
    result: Quantization,
    uniform: bool = False,
) -> Layout:
    """
    The narrowest words that hold these tables and every other one of the same bit widths.

    Shifts reach the operand's width at least (a scale of 2^-(bits−1)). There is no result shift if
    no table has one and the accumulator fits the result, which is then the accumulator itself.
    """
    slope_bits = max(table.param_bits for table in tables)
    intercept_bits = max(table.intercept_width for table in tables)
    widest = max(table.intercept_shift for table in tables)
    shift = max(widest, operand.bits - 1).bit_length()
    most = max(table.result_shift for table in tables)
    raw_bits = max(operand.bits + slope_bits, intercept_bits + (1 << shift) - 1) + 1
    rounds = most > 0 or result.bits < raw_bits - 1
    result_shift = max(most, operand.bits - 1).bit_length() if rounds else 0
    if uniform and entries > 1 << (operand.bits - 1):
        raise ValueError(f"{entries} uniform segments are too many for {operand.bits}-bit inputs")
    breakpoint_bits = 0 if uniform else operand.bits
    return Layout(entries, slope_bits, intercept_bits, breakpoint_bits, (shift, result_shift))


def integer_program(table: Table, operand: Quantization, layout: Layout) -> list[Write]:
    """
    The writes that make a unit compute `table.evaluate` on every stored input.

    Segments that no stored input reaches are left out; the last entry is repeated until the table
    is full. Raises `ValueError` for a table that does not fit.
    """
    least, most = storage_range(operand.bits, operand.signed)
    limits = (1 << layout.shift_bits[0], 1 << layout.shift_bits[1])
    if table.intercept_shift >= limits[0] or table.result_shift >= limits[1]:
        shifts = f"{table.intercept_shift} and {table.result_shift}"
        raise ValueError(f"the unit has no shifts by {shifts}: widen its shift words")
    if table.param_bits > layout.slope_bits or table.intercept_width > layout.intercept_bits:
        raise ValueError("the table's parameters are wider than the unit's words")
    if not layout.breakpoint_bits:
        return _uniform_program(table, operand, layout)
    reached = [max(b, least) for b in table.breakpoints if b <= most]
    kept = len(reached) + 1
    if kept > layout.entries:
        raise ValueError(f"the table has {kept} entries, the unit has {layout.entries}: entries=")
    return layout.writes(
        [*_padded(reached or [most], layout.entries - 1)],
        [*_padded(table.slopes[:kept], layout.entries)],
        [*_padded(table.intercepts[:kept], layout.entries)],
        (table.intercept_shift, table.result_shift),
    )


def _uniform_program(table: Table, operand: Quantization, layout: Layout) -> list[Write]:
    """Every segment of the table covers whole cells of the input's range."""
    least, most = storage_range(operand.bits, operand.signed)
    cell = 1 << (operand.bits - layout.index_bits)
    for point in table.breakpoints:
        if least < point <= most and (point - least) % cell:
            raise ValueError(
                f"breakpoint {point} is inside of a segment of a uniform unit, which begin at "
                f"every {cell}: more entries, or breakpoints=free"
            )
    # Unsigned, the negative half of the inputs comes second.
    first = np.arange(0, 1 << operand.bits, cell, dtype=np.int64)
    chosen: list[int] = table.segment(
        np.where(first > most, first - 2 * (most + 1), first)
    ).tolist()
    return layout.writes(
        [],
        [table.slopes[i] for i in chosen],
        [table.intercepts[i] for i in chosen],
        (table.intercept_shift, table.result_shift),
    )


def _padded(values: Sequence[int], count: int) -> Iterator[int]:
    """The values, the last one repeated."""
    for i in range(count):
        yield values[min(i, len(values) - 1)]
