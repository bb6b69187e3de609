"""Attributes of the `lutnet` dialect: thresholds, LUTs and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from lut_opt.dialects.lutnet.network import ConditionalSum, Luts, Thermometer
from lut_opt.dialects.pwl.attributes import parse_fields, parse_integers

Part = Thermometer | Luts | ConditionalSum


def _verify(part: Part) -> None:
    try:
        part.check()
    except ValueError as error:
        raise VerifyException(str(error)) from error


@irdl_attr_definition
class ThresholdsAttr(Data[Thermometer]):
    """The thresholds of each feature, ascending: `#lutnet.thresholds<[[-3, 0, 5], [], [7]]>`."""

    name = "lutnet.thresholds"

    def verify(self) -> None:
        """Check that thresholds ascend."""
        _verify(self.data)

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Thermometer:
        """Parse `<[[…], …]>`."""
        with parser.in_angle_brackets():
            return Thermometer(_parse_rows(parser))

    def print_parameter(self, printer: Printer) -> None:
        """Print `<[[…], …]>`."""
        with printer.in_angle_brackets():
            printer.print_string(_rows(self.data.thresholds))


@irdl_attr_definition
class LutsAttr(Data[Luts]):
    """
    The wires of each LUT, the least significant bit of the address first, and its table.

        #lutnet.luts<connections = [[0, 3], [2]], tables = [0x8, 0x1]>

    Bit `address` of a table is the answer: 0x8 is a conjunction of two bits, 0x1 an inverter.
    """

    name = "lutnet.luts"

    def verify(self) -> None:
        """Check numbers of inputs and widths of tables."""
        _verify(self.data)

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Luts:
        """Parse `<connections = […], tables = […]>`."""
        fields: dict[str, Callable[[], Any]] = {
            "connections": lambda: _parse_rows(parser),
            "tables": lambda: parse_integers(parser),
        }
        with parser.in_angle_brackets():
            return Luts(**parse_fields(parser, fields, tuple(fields), first=True))

    def print_parameter(self, printer: Printer) -> None:
        """Print `<connections = […], tables = […]>`."""
        with printer.in_angle_brackets():
            tables = ", ".join(map(hex, self.data.tables))
            printer.print_string(f"connections = {_rows(self.data.connections)}, ")
            printer.print_string(f"tables = [{tables}]")


@irdl_attr_definition
class WeightsAttr(Data[ConditionalSum]):
    """
    What each bit weighs for each result; `bits` says which bits a row is about, if not all.

        #lutnet.weights<[[3, -1, 0], [2, 2, -5]], bias = [0, 64], shift = 4>
        #lutnet.weights<[[3, -1], [2]], bits = [[0, 1], [2]], bias = [0, 64]>
    """

    name = "lutnet.weights"

    def verify(self) -> None:
        """Check lengths, the shift, and that every sum fits."""
        _verify(self.data)

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> ConditionalSum:
        """Parse `<[[…], …], bias = […], …>`."""
        fields: dict[str, Callable[[], Any]] = {
            "bits": lambda: _parse_rows(parser),
            "bias": lambda: parse_integers(parser),
            "shift": parser.parse_integer,
        }
        with parser.in_angle_brackets():
            weights = _parse_rows(parser)
            return ConditionalSum(weights, **parse_fields(parser, fields, ("bias",)))

    def print_parameter(self, printer: Printer) -> None:
        """Print rows of weights, of bits where there are any, biases, and a shift that is not 0."""
        total = self.data
        with printer.in_angle_brackets():
            printer.print_string(_rows(total.weights))
            if total.bits is not None:
                printer.print_string(f", bits = {_rows(total.bits)}")
            printer.print_string(f", bias = {list(total.bias)}")
            if total.shift:
                printer.print_string(f", shift = {total.shift}")


def _parse_rows(parser: AttrParser) -> tuple[tuple[int, ...], ...]:
    return tuple(
        parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: parse_integers(parser))
    )


def _rows(rows: tuple[tuple[int, ...], ...]) -> str:
    return f"[{', '.join(str(list(row)) for row in rows)}]"
