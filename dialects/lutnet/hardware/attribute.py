"""
The attribute of a module that computes a weightless block.

    #lutnet.unit<latency = 2, operand = !quant.uniform<…>, thresholds = #lutnet.thresholds<…>,
                 layers = [#lutnet.luts<…>], weights = #lutnet.weights<…>,
                 result = !quant.uniform<…>>
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from xdsl.ir import Attribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from lut_opt.dialects.lutnet.attributes import LutsAttr, ThresholdsAttr, WeightsAttr
from lut_opt.dialects.lutnet.hardware.unit import NetworkUnit
from lut_opt.dialects.lutnet.network import Block
from lut_opt.dialects.pwl.attributes import parse_fields
from lut_opt.dialects.pwl.hardware import HardwareUnit, UnitAttr
from lut_opt.dialects.quant import UniformQuantizedType

KindT = TypeVar("KindT", bound=Attribute)


@irdl_attr_definition
class NetworkUnitAttr(UnitAttr):
    """A unit of a weightless block."""

    name = "lutnet.unit"
    KIND = NetworkUnit

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> HardwareUnit:
        """Parse `<key = value, …>`."""
        begin = parser.pos
        fields: dict[str, Callable[[], Any]] = {
            "latency": lambda: parser.parse_integer(allow_negative=False),
            "operand": lambda: _parse(parser, UniformQuantizedType).quantization,
            "thresholds": lambda: _parse(parser, ThresholdsAttr).data,
            "layers": lambda: tuple(
                parser.parse_comma_separated_list(
                    parser.Delimiter.SQUARE, lambda: _parse(parser, LutsAttr).data
                )
            ),
            "weights": lambda: _parse(parser, WeightsAttr).data,
            "result": lambda: _parse(parser, UniformQuantizedType).quantization,
        }
        with parser.in_angle_brackets():
            required = tuple(fields)
            fields["enable"] = parser.parse_boolean
            values = parse_fields(parser, fields, required, first=True)
        latency, enable = values.pop("latency"), values.pop("enable", False)
        block = Block(
            values["operand"],
            values["thresholds"],
            values["layers"],
            values["weights"],
            values["result"],
        )
        unit = NetworkUnit("", block, latency=latency, enable=enable)
        try:
            unit.check()
        except ValueError as error:
            parser.raise_error(str(error), begin, parser.pos)
        return unit

    def print_parameter(self, printer: Printer) -> None:
        """Print `<key = value, …>`."""
        unit = self.data
        assert isinstance(unit, NetworkUnit)
        block = unit.block
        with printer.in_angle_brackets():
            enable = "enable = true, " if unit.enable else ""
            printer.print_string(f"latency = {unit.latency}, {enable}operand = ")
            printer.print_attribute(UniformQuantizedType.from_quantization(block.operand))
            printer.print_string(", thresholds = ")
            printer.print_attribute(ThresholdsAttr(block.thermometer))
            printer.print_string(", layers = [")
            printer.print_list(block.layers, lambda each: printer.print_attribute(LutsAttr(each)))
            printer.print_string("], weights = ")
            printer.print_attribute(WeightsAttr(block.readout))
            printer.print_string(", result = ")
            printer.print_attribute(UniformQuantizedType.from_quantization(block.result))


def _parse(parser: AttrParser, kind: type[KindT]) -> KindT:
    begin = parser.pos
    found = parser.parse_attribute()
    if not isinstance(found, kind):
        parser.raise_error(f"expected {kind.name}, got {found}", begin, parser.pos)
    return found
