"""
The attribute `pwl.unit` of an `hw.module`: what the module computes, verified when it is parsed.

    #pwl.table_unit<latency = 1, function = gelu, table = #pwl.table<…>,
                    operand = !quant.uniform<…>, result = !quant.uniform<…>, fit = #pwl.fit<…>>
    #pwl.select_unit<latency = 0, tables = [<function = gelu, table = …>, …]>
    #pwl.divide_unit<latency = 0, semantics = <operand = !quant.uniform<…>, …>, fit = #pwl.fit<…>>
    #pwl.programmable_unit<latency = 0, layout = <entries = 8, …>, operand = <bits = 8, …>, …,
                           programs = [<function = gelu, table = …, writes = [[0, 12], …]>, …]>
    #pwl.row_unit<latency = 43, semantics = <function = softmax, …>, length = 16, …>
    #pwl.stream_unit<@pwl_gelu_i8_i8_s2m4_s2m4>
    #pwl.axis_unit<@pwl_gelu_i8_i8_s2m4_s2m4_stream>
    #pwl.block_unit<softmax = @pwl_softmax16_i8_u8_s2m4_s2m8_axis, gelu = @…>

The keys are the fields of the units' classes.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from lut_opt.dialects.pwl.hardware.divide_unit import DivideUnit
from lut_opt.dialects.pwl.hardware.fields import parse_record, print_record
from lut_opt.dialects.pwl.hardware.programmable_unit import ProgrammableUnit
from lut_opt.dialects.pwl.hardware.row_unit import RowUnit
from lut_opt.dialects.pwl.hardware.table_unit import SelectUnit, TableUnit
from lut_opt.dialects.pwl.hardware.unit import HardwareUnit

UNIT = "pwl.unit"
"""The attribute of a module that says what it computes."""


class UnitAttr(Data[HardwareUnit]):
    """What a module computes by itself; a subclass for each kind of unit."""

    KIND: ClassVar[type[HardwareUnit]]

    def verify(self) -> None:
        """Check that there can be such a unit."""
        try:
            self.data.check()
        except ValueError as error:
            raise VerifyException(str(error)) from error

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> HardwareUnit:
        """Parse `<key = value, …>`."""
        begin = parser.pos
        unit: HardwareUnit = parse_record(parser, cls.KIND)
        try:
            unit.check()
        except ValueError as error:
            parser.raise_error(str(error), begin, parser.pos)
        return unit

    def print_parameter(self, printer: Printer) -> None:
        """Print `<key = value, …>`."""
        print_record(printer, self.data)


@irdl_attr_definition
class TableUnitAttr(UnitAttr):
    """A unit of one table."""

    name = "pwl.table_unit"
    KIND = TableUnit


@irdl_attr_definition
class SelectUnitAttr(UnitAttr):
    """A unit of several tables, of which an input chooses."""

    name = "pwl.select_unit"
    KIND = SelectUnit


@irdl_attr_definition
class DivideUnitAttr(UnitAttr):
    """A unit that divides, through a table of reciprocals."""

    name = "pwl.divide_unit"
    KIND = DivideUnit


@irdl_attr_definition
class ProgrammableUnitAttr(UnitAttr):
    """A unit whose table is written."""

    name = "pwl.programmable_unit"
    KIND = ProgrammableUnit


@irdl_attr_definition
class RowUnitAttr(UnitAttr):
    """A unit that takes rows."""

    name = "pwl.row_unit"
    KIND = RowUnit


class AroundAttr(Data[str]):
    """The unit inside of a module, by its name; a subclass for what is around it."""

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> str:
        """Parse `<@name>`."""
        with parser.in_angle_brackets():
            return parser.parse_symbol_name().data

    def print_parameter(self, printer: Printer) -> None:
        """Print `<@name>`."""
        with printer.in_angle_brackets():
            printer.print_symbol_name(self.data)


@irdl_attr_definition
class StreamUnitAttr(AroundAttr):
    """The unit that a module makes a stream of."""

    name = "pwl.stream_unit"


@irdl_attr_definition
class AxisUnitAttr(AroundAttr):
    """The stream or unit of rows that a module gives the ports of AXI4-Stream."""

    name = "pwl.axis_unit"


@irdl_attr_definition
class BlockUnitAttr(Data[tuple[tuple[str, str], ...]]):
    """The units with ports of AXI4-Stream that stand side by side in a module: names, modules."""

    name = "pwl.block_unit"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> tuple[tuple[str, str], ...]:
        """Parse `<name = @module, …>`."""

        def entry() -> tuple[str, str]:
            name = parser.parse_identifier()
            parser.parse_punctuation("=")
            return name, parser.parse_symbol_name().data

        return tuple(parser.parse_comma_separated_list(parser.Delimiter.ANGLE, entry))

    def print_parameter(self, printer: Printer) -> None:
        """Print `<name = @module, …>`."""

        def show(entry: tuple[str, str]) -> None:
            printer.print_string(f"{entry[0]} = ")
            printer.print_symbol_name(entry[1])

        with printer.in_angle_brackets():
            printer.print_list(self.data, show)


UNIT_ATTRIBUTES: tuple[type[UnitAttr], ...] = (
    TableUnitAttr,
    SelectUnitAttr,
    DivideUnitAttr,
    ProgrammableUnitAttr,
    RowUnitAttr,
)


def unit_attribute(unit: HardwareUnit) -> UnitAttr:
    """A unit as an attribute, which leaves its name to the module."""
    (kind,) = (each for each in UNIT_ATTRIBUTES if each.KIND is type(unit))
    return kind(unit.named(""))
