"""Ops of the `torch` dialect that have no syntax of their own, all with one class a name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import ClassVar

from xdsl.dialects.builtin import f64, i1, i64
from xdsl.ir import Attribute, Operation, OpTraits, SSAValue
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer
from xdsl.traits import EffectInstance, IsTerminator, MemoryEffect
from xdsl.utils.exceptions import VerifyException

from lut_opt.dialects.torch.types import (
    BoolType,
    FloatType,
    GeneratorType,
    IntType,
    NnModuleType,
    NonValueTensorType,
    VTensorType,
)

_PURE = re.compile(
    r"torch_c\.(to|from)_\w+"
    r"|torch\.(constant\..*|v?tensor\.literal|prim\.(List|Tuple|Dict)(Construct|Unpack)|derefine"
    r"|prim\.TupleIndex|prim\.unchecked_cast|tensor_static_info_cast|symbolic_int"
    r"|(aten|prims|quantized_decomposed)\..*)"
)
_IMPURE = re.compile(
    r"torch\.aten\.(\w*([^_]_)\b|append|insert|pop|extend|Delete|_set_item|clear|reverse"
    r"|\w*(rand|dropout|bernoulli|normal|multinomial|uniform|exponential|seed|assert|warn)\w*)"
    r"(\..*)?"
)
_MUTABLE_TYPES = (NonValueTensorType, NnModuleType, GeneratorType)


class TorchEffects(MemoryEffect):
    """
    No effect for ops on values, which dead code elimination may drop; unknown for the others.

    In-place ops (`aten.add_.Tensor`), random ones, and those on `!torch.tensor` are not free of
    effects.
    """

    @classmethod
    def get_effects(cls, op: Operation) -> AbstractSet[EffectInstance] | None:
        if not op.results or not _PURE.fullmatch(op.name) or _IMPURE.fullmatch(op.name):
            return None
        types = (*op.operand_types, *op.result_types)
        return None if any(isinstance(type, _MUTABLE_TYPES) for type in types) else set()


class TorchOp(Operation):
    """
    Any op of the `torch` dialect, in its default form.

    Examples:

        %1 = torch.aten.tanh %0 : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
        torch.prim.RaiseException %str, %none : !torch.str, !torch.none
        %2 = torch.prim.Uninitialized : !torch.int
    """

    traits: ClassVar[OpTraits] = OpTraits(lambda: (TorchEffects(),))

    REQUIRED: ClassVar[Sequence[str]] = ()
    """Properties that the op cannot do without."""

    def verify_(self) -> None:
        for name in self.REQUIRED:
            if name not in self.properties and name not in self.attributes:
                raise VerifyException(f"{self.name} needs the property '{name}'")

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        operands = parse_operand_list(parser)
        attributes = parser.parse_optional_attr_dict()
        start = parser.pos
        inputs, results = cls.parse_signature(parser, len(operands))
        return cls.create(
            operands=parser.resolve_operands(operands, inputs, start),
            result_types=results,
            attributes=attributes,
        )

    @classmethod
    def parse_signature(
        cls, parser: Parser, operands: int
    ) -> tuple[Sequence[Attribute], Sequence[Attribute]]:
        """The types of operands and results: `: T, U -> V`, or `: (T, U) -> V`."""
        if parser.parse_optional_punctuation(":") is None:
            return (), ()
        if (function := parser.parse_optional_function_type()) is not None:
            return function.inputs.data, function.outputs.data
        inputs = parse_type_list(parser)
        if parser.parse_optional_punctuation("->") or parser.parse_optional_keyword("to"):
            return inputs, parse_type_list(parser)
        return (inputs, ()) if operands else ((), inputs)

    def print(self, printer: Printer) -> None:
        print_operand_list(printer, self.operands)
        printer.print_op_attributes({**self.properties, **self.attributes})
        self.print_signature(printer)

    def print_signature(self, printer: Printer) -> None:
        """Print what `parse_signature` reads."""
        if self.operands or self.results:
            printer.print_string(" : ")
        printer.print_list(self.operand_types, printer.print_attribute)
        if self.operands and self.results:
            printer.print_string(" -> ")
        printer.print_list(self.result_types, printer.print_attribute)


class GenericTorchOp(TorchOp):
    """An op that is printed in generic form always."""

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        parser.raise_error(f"{cls.name} has no pretty form here; write it in generic form")

    print = Operation.print


class GenericTerminatorOp(GenericTorchOp):
    """A terminator, in generic form."""

    traits: ClassVar[OpTraits] = OpTraits(lambda: (IsTerminator(),))


class FunctionFormOp(TorchOp):
    """An op whose types are those of a function: `%a, %b : (T, U) -> V`."""

    def print_signature(self, printer: Printer) -> None:
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)


class TupleConstructOp(TorchOp):
    """Make a tuple; `: -> !torch.tuple<>` for an empty one."""

    name = "torch.prim.TupleConstruct"

    def print_signature(self, printer: Printer) -> None:
        printer.print_string(" : ")
        printer.print_list(self.operand_types, printer.print_attribute)
        printer.print_string(" -> ")
        printer.print_list(self.result_types, printer.print_attribute)


class CastFormOp(TorchOp):
    """A cast: `%a : T to U`."""

    def print_signature(self, printer: Printer) -> None:
        printer.print_string(" : ")
        printer.print_list(self.operand_types, printer.print_attribute)
        printer.print_string(" to ")
        printer.print_list(self.result_types, printer.print_attribute)


class CopyOp(TorchOp):
    """A copy between value and non-value tensors; only the result's type is written."""

    @classmethod
    def parse_signature(
        cls, parser: Parser, operands: int
    ) -> tuple[Sequence[Attribute], Sequence[Attribute]]:
        parser.parse_punctuation(":")
        start = parser.pos
        result = parser.parse_type()
        match result:
            case NonValueTensorType():
                return [VTensorType(result.shape, result.dtype)], [result]
            case VTensorType():
                return [NonValueTensorType(result.shape, result.dtype)], [result]
            case _:
                parser.raise_error(f"{result} is not a torch tensor", start)

    def print_signature(self, printer: Printer) -> None:
        printer.print_string(" : ")
        printer.print_list(self.result_types, printer.print_attribute)


class OverwriteOp(TorchOp):
    """`torch.overwrite.tensor.contents %value overwrites %tensor : T, U`."""

    name = "torch.overwrite.tensor.contents"

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        operands = [parser.parse_unresolved_operand()]
        parser.parse_keyword("overwrites")
        operands.append(parser.parse_unresolved_operand())
        attributes = parser.parse_optional_attr_dict()
        start = parser.pos
        types, _ = cls.parse_signature(parser, 2)
        return cls.create(
            operands=parser.resolve_operands(operands, types, start), attributes=attributes
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_list(self.operands, printer.print_operand, " overwrites ")
        printer.print_op_attributes({**self.properties, **self.attributes})
        self.print_signature(printer)


class PrintOp(TorchOp):
    """`torch.prim.Print(%a, %b) : T, U`."""

    name = "torch.prim.Print"

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        operands = parser.parse_op_args_list()
        attributes = parser.parse_optional_attr_dict()
        start = parser.pos
        types, _ = cls.parse_signature(parser, len(operands))
        return cls.create(
            operands=parser.resolve_operands(operands, types, start), attributes=attributes
        )

    def print(self, printer: Printer) -> None:
        printer.print_operands(self.operands)
        printer.print_op_attributes({**self.properties, **self.attributes})
        self.print_signature(printer)


class ScalarConversionOp(TorchOp):
    """A conversion between a torch scalar and a builtin one, whose types need no writing."""

    SIGNATURES: ClassVar[Mapping[str, tuple[Attribute, Attribute]]] = {
        "torch_c.to_i1": (BoolType(), i1),
        "torch_c.from_i1": (i1, BoolType()),
        "torch_c.to_i64": (IntType(), i64),
        "torch_c.from_i64": (i64, IntType()),
        "torch_c.to_f64": (FloatType(), f64),
        "torch_c.from_f64": (f64, FloatType()),
        "torch_c.i64_to_generator": (i64, GeneratorType()),
        "torch_c.generator_to_i64": (GeneratorType(), i64),
    }

    @classmethod
    def parse_signature(
        cls, parser: Parser, operands: int
    ) -> tuple[Sequence[Attribute], Sequence[Attribute]]:
        source, result = cls.SIGNATURES[cls.name]
        return [source], [result]

    def print_signature(self, printer: Printer) -> None:
        pass


_FORMS: Mapping[type[TorchOp], Sequence[str]] = {
    FunctionFormOp: ["torch.prim.ListConstruct", "torch_c.get_next_seed"],
    CastFormOp: ["torch.derefine", "torch.tensor_static_info_cast"],
    CopyOp: ["torch.copy.to_tensor", "torch.copy.to_vtensor"],
    ScalarConversionOp: list(ScalarConversionOp.SIGNATURES),
    GenericTorchOp: [
        f"torch.{name}"
        for name in (
            *("constant.number", "prim.DictConstruct", "hop_flex_attention", "initialize"),
            *("nn_module", "class_type", "method", "attr", "slot", "global_slot"),
            *("global_slot.init", "global_slot.get", "global_slot.set"),
            *("global_slot.module_initializer", "shape.calculate", "dtype.calculate"),
        )
    ],
    GenericTerminatorOp: [
        f"torch.{name}"
        for name in (
            *("nn_module_terminator", "class_type_terminator", "operator_terminator"),
            *("initialize.global_slots", "shape.calculate.yield", "dtype.calculate.yield"),
            *("shape.calculate.yield.shapes", "dtype.calculate.yield.dtypes"),
        )
    ],
}
_FORM_OF = {name: form for form, names in _FORMS.items() for name in names}


@cache
def plain_op_class(name: str) -> type[TorchOp]:
    """The class of an op without a class of its own; `name` has the dialect in front."""
    form = _FORM_OF.get(name, TorchOp)
    return type(name, (form,), {"name": name, "__doc__": f"`{name}`: see `{form.__name__}`."})


def parse_operand_list(parser: Parser) -> list[UnresolvedOperand]:
    """`%a, %b`, or nothing."""
    return (
        parser.parse_optional_undelimited_comma_separated_list(
            parser.parse_optional_unresolved_operand, parser.parse_unresolved_operand
        )
        or []
    )


def parse_type_list(parser: Parser) -> list[Attribute]:
    """`T, U`, or nothing."""
    types = parser.parse_optional_undelimited_comma_separated_list(
        parser.parse_optional_type, parser.parse_type
    )
    return [*(types or [])]


def print_operand_list(printer: Printer, operands: Sequence[SSAValue]) -> None:
    """Print what `parse_operand_list` reads."""
    if operands:
        printer.print_string(" ")
        printer.print_list(operands, printer.print_operand)
