"""The operation of the `pwl` dialect: apply a table in place of a function."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TypeVar

from xdsl.dialects.builtin import (
    AnyFloat,
    FunctionType,
    MemRefType,
    SymbolRefAttr,
    TensorType,
    VectorType,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    base,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    opt_result_def,
    prop_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.printer import Printer
from xdsl.traits import (
    EffectInstance,
    HasCanonicalizationPatternsTrait,
    MemoryEffect,
    MemoryEffectKind,
    SymbolTable,
)
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl.attributes import FitAttr, FnAttr, TableAttr
from lut_opt.dialects.pwl.range_reduction import MultiRange, Reduction
from lut_opt.dialects.pwl.reduction import PERIOD, REDUCIBLE, Core, Reduced, Reducible, table_sides
from lut_opt.dialects.pwl.reduction_attributes import (
    REDUCTIONS,
    LeadingZeroAttr,
    MultiRangeAttr,
    OctavesAttr,
    ReductionAttr,
)
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quant import UniformQuantizedType, element_type
from lut_opt.dialects.quantization import Quantization

MAX_ACCUMULATOR_BITS = 64

Shaped = TensorType[Attribute] | VectorType[Attribute] | MemRefType[Attribute]


class ApplyEffects(MemoryEffect):
    """On values `pwl.apply` is pure; on memrefs it reads one and writes the other."""

    @classmethod
    def get_effects(cls, op: Operation) -> AbstractSet[EffectInstance]:
        """Effects of one op."""
        if op.results:
            return frozenset()
        kinds = (MemoryEffectKind.READ, MemoryEffectKind.WRITE)
        return frozenset(EffectInstance(kind) for kind in kinds)


class ApplyCanonicalization(HasCanonicalizationPatternsTrait):
    """Canonicalization of `pwl.apply`."""

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """Patterns, in the order tried."""
        return (DropUselessSegments(),)


def _same_shape(left: Attribute, right: Attribute) -> bool:
    if isa(left, Shaped) and isa(right, Shaped):
        return type(left) is type(right) and left.get_shape() == right.get_shape()
    return not isa(left, Shaped) and not isa(right, Shaped)


@irdl_op_definition
class ApplyOp(IRDLOperation):
    """
    Apply a function to quantized values, element by element, through a table.

    Before the search the op only names the function; afterwards it holds the table, and the table
    alone says what is computed (`lut_opt.dialects.pwl.table`). The scales stand in the types. The
    function is `#pwl.fn<…>` or the symbol of a `func.func` from one float to one float whose body
    is `arith` and `math`.

    Wide operands of `reciprocal`, `rsqrt`, `sqrt` and `log` are brought into the table's range
    first: `reduce` says how, and `lut_opt.dialects.pwl.reduction` what is then computed.

        %y = pwl.apply #pwl.fn<gelu> %x : tensor<8x!quant.uniform<i8:f32, 6.250000e-02>>
                                       -> tensor<8x!quant.uniform<i8:f32, 6.250000e-02>>
        %y = pwl.apply @f %x table #pwl.table<i8, …> fit #pwl.fit<…> : … -> …
        pwl.apply #pwl.fn<exp> %x into %y : memref<8x!quant.uniform<…>>, memref<8x!quant.uniform<…>>
        %y = pwl.apply #pwl.fn<rsqrt> %x reduce #pwl.leading_zero<table_bits = 9>
            : !quant.uniform<u32:f32, 9.5367431640625E-7> -> !quant.uniform<i16:f32, 7.8125e-03>
    """

    name = "pwl.apply"

    function = prop_def(base(FnAttr) | base(SymbolRefAttr))
    input = operand_def()
    output = opt_operand_def()
    result = opt_result_def()
    reduce = opt_prop_def(base(LeadingZeroAttr) | base(MultiRangeAttr) | base(OctavesAttr))
    table = opt_prop_def(TableAttr)
    fit = opt_prop_def(FitAttr)

    traits = traits_def(ApplyEffects(), ApplyCanonicalization())

    def __init__(
        self,
        function: FnAttr | SymbolRefAttr,
        input: SSAValue | Operation,
        *,
        output: SSAValue | Operation | None = None,
        result_type: Attribute | None = None,
        reduce: ReductionAttr | None = None,
        table: TableAttr | None = None,
        fit: FitAttr | None = None,
    ):
        super().__init__(
            operands=[input, [] if output is None else [output]],
            result_types=[[] if result_type is None else [result_type]],
            properties={"function": function, "reduce": reduce, "table": table, "fit": fit},
        )

    @property
    def input_quantization(self) -> Quantization:
        """How the stored inputs stand for reals."""
        return _quantized(self.input.type, "input").quantization

    @property
    def result_type(self) -> Attribute:
        """Type of the result value or of the memref written."""
        return self.result.type if self.result is not None else self.destination.type

    @property
    def result_quantization(self) -> Quantization:
        """How the stored results stand for reals."""
        return _quantized(self.result_type, "result").quantization

    @property
    def table_sides(self) -> tuple[Quantization, Quantization]:
        """Between which stored integers the table works: those of the op, or reduced ones."""
        if self.reduce is None:
            return self.input_quantization, self.result_quantization
        return table_sides(reducible(self.function), self.reduce.data)

    def reduced(self) -> Reduced:
        """The semantics of an op that has a reduction and a table."""
        if self.reduce is None or self.table is None:
            raise ValueError(f"{self.function_name} has no table: run --pwl-search first")
        core = Core(reducible(self.function), self.reduce.data, self.table.data)
        return Reduced(core, self.input_quantization, self.result_quantization)

    @property
    def destination(self) -> SSAValue:
        """The memref written, for an op without a result."""
        if self.output is None:
            raise VerifyException("pwl.apply needs a result or a memref to write `into`")
        return self.output

    @property
    def function_name(self) -> str:
        """The function's name for people, files and reports."""
        if isinstance(self.function, FnAttr):
            return self.function.data.name
        return self.function.string_value()

    @classmethod
    def parse(cls, parser: Parser) -> ApplyOp:
        """Parse the custom form."""
        function = parser.parse_attribute()
        if not isinstance(function, FnAttr | SymbolRefAttr):
            parser.raise_error("expected #pwl.fn<…> or the symbol of a func.func")
        operands = [parser.parse_unresolved_operand()]
        if parser.parse_optional_keyword("into"):
            operands.append(parser.parse_unresolved_operand())
        reduce = None
        if parser.parse_optional_keyword("reduce"):
            reduce = parser.parse_attribute()
            if not isinstance(reduce, REDUCTIONS):
                known = ", ".join(f"#{each.name}<…>" for each in REDUCTIONS)
                parser.raise_error(f"expected one of {known}")
        table = _parse_optional(parser, "table", TableAttr)
        fit = _parse_optional(parser, "fit", FitAttr)
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        start = parser.pos
        types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        inputs = parser.resolve_operands(operands, types, start)
        result = parser.parse_type() if parser.parse_optional_punctuation("->") else None
        output = inputs[1] if len(inputs) > 1 else None
        op = cls(
            function,
            inputs[0],
            output=output,
            result_type=result,
            reduce=reduce,
            table=table,
            fit=fit,
        )
        op.attributes.update(attributes)
        return op

    def print(self, printer: Printer) -> None:
        """Print the custom form."""
        printer.print_string(" ")
        printer.print_attribute(self.function)
        printer.print_string(" ")
        printer.print_ssa_value(self.input)
        if self.output is not None:
            printer.print_string(" into ")
            printer.print_ssa_value(self.output)
        for keyword, attribute in (
            ("reduce", self.reduce),
            ("table", self.table),
            ("fit", self.fit),
        ):
            if attribute is not None:
                printer.print_string(f" {keyword} ")
                printer.print_attribute(attribute)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_list(self.operand_types, printer.print_attribute)
        if self.result is not None:
            printer.print_string(" -> ")
            printer.print_attribute(self.result.type)

    def verify_(self) -> None:
        """Check types, the symbol, and that the table suits the types."""
        if (self.result is None) == (self.output is None):
            raise VerifyException("pwl.apply has either a result or a memref to write `into`")
        if isinstance(self.input.type, MemRefType) != (self.output is not None):
            raise VerifyException("pwl.apply writes `into` a memref exactly if its input is one")
        # Both must be quantized.
        _ = self.input_quantization, self.result_quantization
        if not _same_shape(self.input.type, self.result_type):
            raise VerifyException(
                f"input {self.input.type} and result {self.result_type} differ in shape"
            )
        if isinstance(self.function, SymbolRefAttr):
            self._verify_symbol(self.function)
        if self.fit is not None and self.table is None:
            raise VerifyException("a certificate without a table: remove it, or add the table")
        if self.reduce is not None:
            self._verify_reduction(self.reduce.data)
        if self.table is not None:
            verify_table(self.table.data, *self.table_sides)

    def _verify_reduction(self, reduction: Reduction) -> None:
        function = reducible(self.function)
        verify_period(function, reduction)
        operand, result = self.input_quantization, self.result_quantization
        try:
            core = Core(function, reduction, Table((), (0,), (0,)))
            Reduced(core, operand, result).check()
        except ValueError as error:
            raise VerifyException(str(error)) from error

    def _verify_symbol(self, symbol: SymbolRefAttr) -> None:
        if self.parent is None:
            return
        callee = SymbolTable.lookup_symbol(self, symbol)
        if callee is None:
            raise VerifyException(f"symbol @{symbol.string_value()} names nothing: define it")
        if not isinstance(callee, FuncOp) or not _is_real_function(callee.function_type):
            raise VerifyException(
                f"@{symbol.string_value()} must be a func.func from one float to one float"
            )


AttributeT = TypeVar("AttributeT", bound=Attribute)


def _parse_optional(parser: Parser, keyword: str, kind: type[AttributeT]) -> AttributeT | None:
    if not parser.parse_optional_keyword(keyword):
        return None
    attribute = parser.parse_attribute()
    if not isinstance(attribute, kind):
        parser.raise_error(f"expected #{kind.name}<…> after '{keyword}'")
    return attribute


def _is_real_function(type_: FunctionType) -> bool:
    types = (*type_.inputs, *type_.outputs)
    return len(type_.inputs) == len(type_.outputs) == 1 and all(
        isinstance(t, AnyFloat) for t in types
    )


def _quantized(type_: Attribute, kind: str) -> UniformQuantizedType:
    element = element_type(type_)
    if not isinstance(element, UniformQuantizedType):
        raise VerifyException(
            f"{kind} of pwl.apply must have a !quant.uniform element type, got {type_}"
        )
    return element


def reducible(function: Attribute) -> Reducible:
    """The function, if a range reduction exists for it; VerifyException otherwise."""
    if isinstance(function, FnAttr):
        for name in REDUCIBLE:
            if function.data.function == name:
                return name
    raise VerifyException(
        f"no range reduction is known for {function}: use one of {', '.join(REDUCIBLE)}"
    )


def verify_period(function: Reducible, reduction: Reduction) -> None:
    """Check that a reduction shifts by whole steps of the function's exponent."""
    if isinstance(reduction, MultiRange) and any(s % PERIOD[function] for s in reduction.shifts):
        raise VerifyException(f"the shifts of {function} must be even, got {reduction.shifts}")


def verify_table(table: Table, operand: Quantization, result: Quantization) -> None:
    """
    Check a table against the types of its operand and result.

    Raises VerifyException if a breakpoint lies outside the operand's storage range, or if a sum
    does not fit a 64-bit accumulator. The bound is exact: every sum that any input forms.
    """
    for breakpoint in table.breakpoints:
        if not operand.minimum <= breakpoint <= operand.maximum:
            raise VerifyException(
                f"breakpoint {breakpoint} lies outside the storage range "
                f"[{operand.minimum}, {operand.maximum}] of the input"
            )
    bits = table.accumulator_bits(operand)
    if bits > MAX_ACCUMULATOR_BITS:
        raise VerifyException(
            f"the accumulator needs {bits} bits, more than {MAX_ACCUMULATOR_BITS}: "
            "use narrower parameters or smaller shifts"
        )


class DropUselessSegments(RewritePattern):
    """Remove segments that no stored input reaches, and merge neighbours with equal lines."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ApplyOp, rewriter: PatternRewriter) -> None:
        """Shrink the table; what it computes stays the same for every stored input."""
        if op.table is None:
            return
        table = op.table.data
        smaller = shrink(table, op.table_sides[0])
        if smaller != table:
            op.table = TableAttr(smaller)
            rewriter.handle_operation_modification(op)
            rewriter.has_done_action = True


def shrink(table: Table, operand: Quantization) -> Table:
    """The same function on `operand`'s stored values in the fewest of the table's own segments."""
    starts = (operand.minimum, *table.breakpoints)
    ends = (*table.breakpoints, operand.maximum + 1)
    kept: list[tuple[int, int, int]] = []
    for start, end, slope, intercept in zip(
        starts, ends, table.slopes, table.intercepts, strict=True
    ):
        if max(start, operand.minimum) >= end:
            continue
        if kept and kept[-1][1:] == (slope, intercept):
            continue
        kept.append((start, slope, intercept))
    return replace(
        table,
        breakpoints=tuple(start for start, _, _ in kept[1:]),
        slopes=tuple(slope for _, slope, _ in kept),
        intercepts=tuple(intercept for _, _, intercept in kept),
    )
