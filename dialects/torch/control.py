"""Control flow, symbolic shapes, assertions and custom operators of the `torch` dialect."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, StringAttr, UnitAttr, i64
from xdsl.ir import Attribute, Operation, OpTraits
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator

from lut_opt.dialects.torch.ops import (
    TorchOp,
    parse_operand_list,
    parse_type_list,
    print_operand_list,
)
from lut_opt.dialects.torch.types import BoolType, IntType


class OperatorOp(TorchOp):
    """`torch.operator "torch.custom.op"(%a) {k = 1 : si64} : (T) -> U`: an op by a name."""

    name = "torch.operator"
    REQUIRED = ("name",)

    traits: ClassVar[OpTraits] = OpTraits(tuple)

    @property
    def operator_name(self) -> str:
        """The name in quotes."""
        name = self.properties.get("name", self.attributes.get("name"))
        return name.data if isinstance(name, StringAttr) else ""

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        name = StringAttr(parser.parse_str_literal())
        operands = parser.parse_op_args_list()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        start = parser.pos
        signature = parser.parse_function_type()
        regions = parser.parse_optional_undelimited_comma_separated_list(
            parser.parse_optional_region, parser.parse_region
        )
        return cls.create(
            operands=parser.resolve_operands(operands, signature.inputs.data, start),
            result_types=signature.outputs.data,
            properties={"name": name},
            attributes=attributes,
            regions=regions or [],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_string_literal(self.operator_name)
        printer.print_operands(self.operands)
        printer.print_op_attributes(self.attributes, reserved_attr_names=("name",))
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)
        if self.regions:
            printer.print_string(" ")
            printer.print_list(self.regions, printer.print_region)


class IfOp(TorchOp):
    """`torch.prim.If %condition -> (T) { … } else { … }`; each branch ends in a yield."""

    name = "torch.prim.If"

    traits: ClassVar[OpTraits] = OpTraits(tuple)

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        condition = parser.parse_unresolved_operand()
        parser.parse_punctuation("->")
        with parser.in_parens():
            results = parse_type_list(parser)
        regions = [parser.parse_region()]
        parser.parse_keyword("else")
        regions.append(parser.parse_region())
        return cls.create(
            operands=[parser.resolve_operand(condition, BoolType())],
            result_types=results,
            regions=regions,
            attributes=parser.parse_optional_attr_dict(),
        )

    def print(self, printer: Printer) -> None:
        print_operand_list(printer, self.operands)
        printer.print_string(" -> ")
        with printer.in_parens():
            printer.print_list(self.result_types, printer.print_attribute)
        printer.print_string(" ")
        printer.print_list(self.regions, printer.print_region, " else ")
        printer.print_op_attributes({**self.properties, **self.attributes})


class IfYieldOp(TorchOp):
    """`torch.prim.If.yield %a : T` ends a branch of `torch.prim.If`."""

    name = "torch.prim.If.yield"

    traits: ClassVar[OpTraits] = OpTraits(lambda: (IsTerminator(),))

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        attributes = parser.parse_optional_attr_dict()
        operands = parse_operand_list(parser)
        start = parser.pos
        types, _ = cls.parse_signature(parser, len(operands))
        return cls.create(
            operands=parser.resolve_operands(operands, types, start), attributes=attributes
        )

    def print(self, printer: Printer) -> None:
        printer.print_op_attributes({**self.properties, **self.attributes})
        print_operand_list(printer, self.operands)
        self.print_signature(printer)


class LoopOp(TorchOp):
    """`torch.prim.Loop %count, %condition, init(%a) { … } : (int, bool, T) -> T`."""

    name = "torch.prim.Loop"

    traits: ClassVar[OpTraits] = OpTraits(tuple)

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        operands = [parser.parse_unresolved_operand()]
        parser.parse_punctuation(",")
        operands.append(parser.parse_unresolved_operand())
        parser.parse_punctuation(",")
        parser.parse_keyword("init")
        operands += parser.parse_op_args_list()
        region = parser.parse_region()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        start = parser.pos
        signature = parser.parse_function_type()
        return cls.create(
            operands=parser.resolve_operands(operands, signature.inputs.data, start),
            result_types=signature.outputs.data,
            regions=[region],
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        print_operand_list(printer, self.operands[:2])
        printer.print_string(", init")
        printer.print_operands(self.operands[2:])
        printer.print_string(" ")
        printer.print_list(self.regions, printer.print_region)
        printer.print_op_attributes({**self.properties, **self.attributes})
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)


class LoopConditionOp(TorchOp):
    """`torch.prim.Loop.condition %again, iter(%a : T)` ends the body of `torch.prim.Loop`."""

    name = "torch.prim.Loop.condition"

    traits: ClassVar[OpTraits] = OpTraits(lambda: (IsTerminator(),))

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        condition = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        parser.parse_keyword("iter")
        with parser.in_parens():
            carried = parse_operand_list(parser)
            start = parser.pos
            types, _ = cls.parse_signature(parser, len(carried))
        return cls.create(
            operands=[
                parser.resolve_operand(condition, BoolType()),
                *parser.resolve_operands(carried, types, start),
            ],
            attributes=parser.parse_optional_attr_dict(),
        )

    def print(self, printer: Printer) -> None:
        print_operand_list(printer, self.operands[:1])
        printer.print_string(", iter")
        with printer.in_parens():
            if carried := self.operands[1:]:
                printer.print_list(carried, printer.print_operand)
                printer.print_string(" : ")
                printer.print_list([value.type for value in carried], printer.print_attribute)
        printer.print_op_attributes({**self.properties, **self.attributes})


class SymbolicIntOp(TorchOp):
    """`torch.symbolic_int "s0" {min_val = 2, max_val = 64} : !torch.int`: a size that varies."""

    name = "torch.symbolic_int"

    REQUIRED = ("symbol_name", "min_val", "max_val")

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        properties: dict[str, Attribute] = {"symbol_name": StringAttr(parser.parse_str_literal())}
        with parser.in_braces():
            for key in cls.REQUIRED[1:]:
                parser.parse_keyword(key)
                parser.parse_punctuation("=")
                properties[key] = IntegerAttr(parser.parse_integer(allow_boolean=False), i64)
                if key == "min_val":
                    parser.parse_punctuation(",")
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        return cls.create(
            result_types=[parser.parse_type()], properties=properties, attributes=attributes
        )

    def print(self, printer: Printer) -> None:
        values = {**self.attributes, **self.properties}
        name, low, high = (values.get(key) for key in self.REQUIRED)
        if isinstance(name, StringAttr):
            printer.print_string(" ")
            printer.print_string_literal(name.data)
        if isinstance(low, IntegerAttr) and isinstance(high, IntegerAttr):
            printer.print_string(f" {{min_val = {low.value.data}, max_val = {high.value.data}}}")
        printer.print_op_attributes(self.attributes, reserved_attr_names=self.REQUIRED)
        self.print_signature(printer)


class BindSymbolicShapeOp(TorchOp):
    """`torch.bind_symbolic_shape %a, [%s0], affine_map<()[s0] -> (s0)> : T`: a shape in symbols."""

    name = "torch.bind_symbolic_shape"
    REQUIRED = ("shape_expressions",)

    traits: ClassVar[OpTraits] = OpTraits(tuple)

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        tensor = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        symbols = parser.parse_comma_separated_list(
            parser.Delimiter.SQUARE, parser.parse_unresolved_operand
        )
        parser.parse_punctuation(",")
        expressions = parser.parse_attribute()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        return cls.create(
            operands=[
                parser.resolve_operand(tensor, parser.parse_type()),
                *(parser.resolve_operand(symbol, IntType()) for symbol in symbols),
            ],
            properties={"shape_expressions": expressions},
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        values = {**self.attributes, **self.properties}
        print_operand_list(printer, self.operands[:1])
        printer.print_string(", ")
        with printer.in_square_brackets():
            printer.print_list(self.operands[1:], printer.print_operand)
        printer.print_string(", ")
        printer.print_attribute(values.get("shape_expressions", UnitAttr()))
        printer.print_op_attributes(self.attributes, reserved_attr_names=("shape_expressions",))
        printer.print_string(" : ")
        printer.print_attribute(self.operands[0].type)


class RuntimeAssertOp(TorchOp):
    """`torch.runtime.assert %condition, "message"`."""

    name = "torch.runtime.assert"
    REQUIRED = ("message",)

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        condition = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        message = StringAttr(parser.parse_str_literal())
        return cls.create(
            operands=[parser.resolve_operand(condition, BoolType())],
            properties={"message": message},
            attributes=parser.parse_optional_attr_dict(),
        )

    def print(self, printer: Printer) -> None:
        values = {**self.attributes, **self.properties}
        print_operand_list(printer, self.operands)
        printer.print_string(", ")
        printer.print_attribute(values.get("message", UnitAttr()))
        printer.print_op_attributes(self.attributes, reserved_attr_names=("message",))


CONTROL_OPS: list[type[Operation]] = [
    BindSymbolicShapeOp,
    IfOp,
    IfYieldOp,
    LoopConditionOp,
    LoopOp,
    OperatorOp,
    RuntimeAssertOp,
    SymbolicIntOp,
]
