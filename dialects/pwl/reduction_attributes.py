"""Attributes that say how a wide operand is brought into the range of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from lut_opt.dialects.pwl.attributes import parse_fields, parse_integers
from lut_opt.dialects.pwl.range_reduction import LeadingZero, MultiRange, Octaves, Reduction

TABLE_BITS = range(2, 15)
"""Fraction bits of a normalized table input."""

MAX_FRACTION = 14
MAX_RANGE_SHIFT = 32


@irdl_attr_definition
class LeadingZeroAttr(Data[LeadingZero]):
    """
    The operand is normalized to one octave, or to two for square roots.

        #pwl.leading_zero<table_bits = 10>

    `table_bits` are the fraction bits of the table's input.
    """

    name = "pwl.leading_zero"

    def verify(self) -> None:
        """Check the width of the table's input."""
        _verify_table_bits(self.data.table_bits)

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> LeadingZero:
        """Parse `<table_bits = 10>`."""
        return LeadingZero(_parse_table_bits(parser))

    def print_parameter(self, printer: Printer) -> None:
        """Print `<table_bits = 10>`."""
        _print_table_bits(printer, self.data.table_bits)


@irdl_attr_definition
class MultiRangeAttr(Data[MultiRange]):
    """
    The operand is scaled by its sub-range (GQA-LUT, Table 2).

        #pwl.multi_range<bounds = [128, 1024, 8192], shifts = [3, 6, 9], range = [16, 128],
                         fraction = 5>

    `bounds` are stored integers, less the zero point, at which sub-ranges begin; `range` is the
    table's input, of `fraction` fraction bits.
    """

    name = "pwl.multi_range"

    def verify(self) -> None:
        """Check the order of the sub-ranges, and that none but the ends of all saturates."""
        data = self.data
        if not data.bounds or len(data.bounds) != len(data.shifts):
            raise VerifyException("bounds and shifts must be as many, and at least one")
        if not 0 <= data.fraction <= MAX_FRACTION:
            raise VerifyException(f"fraction {data.fraction} is not within 0 … {MAX_FRACTION}")
        one = 1 << data.fraction
        if not one <= 8 * data.low or not 0 < data.low < data.high <= 16 * one:
            raise VerifyException(
                f"range [{data.low}, {data.high}] must ascend within 1/8 … 16, which is "
                f"[{max(one // 8, 1)}, {16 * one}]"
            )
        if not all(0 <= shift <= MAX_RANGE_SHIFT for shift in data.shifts):
            raise VerifyException(f"shifts must be within 0 … {MAX_RANGE_SHIFT}")
        before, previous = 0, 0
        for bound, shift in zip(data.bounds, data.shifts, strict=True):
            if bound <= before or shift < previous:
                raise VerifyException(f"bounds and shifts must ascend, got {bound} and {shift}")
            if bound - 1 > data.high << previous or bound >> shift < data.low:
                raise VerifyException(
                    f"the range [{data.low}, {data.high}] saturates next to the bound {bound}: "
                    "move the bound, or change the shifts"
                )
            before, previous = bound, shift

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> MultiRange:
        """Parse `<bounds = […], shifts = […], range = [low, high], fraction = 5>`."""
        fields: dict[str, Callable[[], Any]] = {
            "shifts": lambda: parse_integers(parser),
            "range": lambda: parse_integers(parser),
            "fraction": parser.parse_integer,
        }
        with parser.in_angle_brackets():
            parser.parse_keyword("bounds")
            parser.parse_punctuation("=")
            bounds = parse_integers(parser)
            values = parse_fields(parser, fields, tuple(fields))
        if len(values["range"]) != 2:
            parser.raise_error("range takes two integers: [low, high]")
        low, high = values["range"]
        return MultiRange(bounds, values["shifts"], low, high, values["fraction"])

    def print_parameter(self, printer: Printer) -> None:
        """Print all fields."""
        data = self.data
        with printer.in_angle_brackets():
            printer.print_string(f"bounds = {list(data.bounds)}, shifts = {list(data.shifts)}, ")
            printer.print_string(f"range = [{data.low}, {data.high}], fraction = {data.fraction}")


@irdl_attr_definition
class OctavesAttr(Data[Octaves]):
    """
    The octave of an exponential is split off: the table holds 2^t for the fraction t.

        #pwl.octaves<table_bits = 9>

    `table_bits` are the fraction bits of the table's input.
    """

    name = "pwl.octaves"

    def verify(self) -> None:
        """Check the width of the table's input."""
        _verify_table_bits(self.data.table_bits)

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Octaves:
        """Parse `<table_bits = 9>`."""
        return Octaves(_parse_table_bits(parser))

    def print_parameter(self, printer: Printer) -> None:
        """Print `<table_bits = 9>`."""
        _print_table_bits(printer, self.data.table_bits)


def _verify_table_bits(bits: int) -> None:
    if bits not in TABLE_BITS:
        raise VerifyException(f"table_bits {bits} is not within {TABLE_BITS[0]} … {TABLE_BITS[-1]}")


def _parse_table_bits(parser: AttrParser) -> int:
    with parser.in_angle_brackets():
        parser.parse_keyword("table_bits")
        parser.parse_punctuation("=")
        return parser.parse_integer()


def _print_table_bits(printer: Printer, bits: int) -> None:
    with printer.in_angle_brackets():
        printer.print_string(f"table_bits = {bits}")


ReductionAttr: TypeAlias = LeadingZeroAttr | MultiRangeAttr | OctavesAttr

REDUCTIONS = (LeadingZeroAttr, MultiRangeAttr, OctavesAttr)
"""Every way of reducing a range, for whoever parses one."""


def reduction_attribute(reduction: Reduction) -> ReductionAttr:
    """A reduction as an attribute."""
    if isinstance(reduction, LeadingZero):
        return LeadingZeroAttr(reduction)
    if isinstance(reduction, Octaves):
        return OctavesAttr(reduction)
    assert isinstance(reduction, MultiRange)
    return MultiRangeAttr(reduction)
