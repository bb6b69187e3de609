"""
The operations of the `lutnet` dialect, and their canonicalization.

Bits between them are tensors of `i1`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from xdsl.dialects.builtin import TensorType, i1
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint
from xdsl.traits import HasCanonicalizationPatternsTrait, Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from lut_opt.dialects.lutnet import simplify
from lut_opt.dialects.lutnet.attributes import LutsAttr, ThresholdsAttr, WeightsAttr
from lut_opt.dialects.lutnet.network import ConditionalSum, Luts, Thermometer, popcount
from lut_opt.dialects.lutnet.simplify import Kept, Meaning
from lut_opt.dialects.quant import UniformQuantizedType, element_type
from lut_opt.dialects.quantization import Quantization


class Canonicalization(HasCanonicalizationPatternsTrait):
    """Of the operations that produce bits."""

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """Patterns, in the order tried."""
        return ReduceInputs(), DropThresholds(), DropLuts(), SkipCopies()


class LutnetOp(IRDLOperation):
    """What the operations share: a tensor in, one out that differs in its last axis alone."""

    # Each op defines its operand and result again: their order is that of its own definitions.
    input = operand_def()
    result = result_def()

    def verify_tokens(self, given: int | None, made: int) -> None:
        """Check the shapes: `given` elements of a token in, None for any number, `made` out."""
        source, target = (_shape(side, value) for side, value in self._sides)
        if source[:-1] != target[:-1]:
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} differ in other axes than "
                "the last"
            )
        for side, size, wanted in (("input", source[-1], given), ("result", target[-1], made)):
            if wanted is not None and size != wanted:
                raise VerifyException(
                    f"the last axis of the {side} has {size} elements, not {wanted}"
                )

    @property
    def _sides(self) -> tuple[tuple[str, SSAValue], ...]:
        return ("input", self.input), ("result", self.result)

    @property
    def inputs(self) -> int:
        """Elements of a token that goes in."""
        return _shape("input", self.input)[-1]

    @property
    def tokens(self) -> tuple[int, ...]:
        """The axes before the last, negative where dynamic."""
        return _shape("input", self.input)[:-1]


@irdl_op_definition
class EncodeOp(LutnetOp):
    """
    Thermometer code: bit q > t for each threshold of each feature, on stored integers.

        %b = lutnet.encode %q thresholds <[[-3, 0, 5], [7]]>
            : tensor<16x2x!quant.uniform<i8:f32, 6.250000e-02>> -> tensor<16x4xi1>
    """

    name = "lutnet.encode"

    input = operand_def()
    thresholds = prop_def(ThresholdsAttr)
    result = result_def()

    traits = traits_def(Pure(), Canonicalization())
    assembly_format = (
        "$input `thresholds` $thresholds attr-dict `:` type($input) `->` type($result)"
    )

    def __init__(self, input: SSAValue | Operation, thermometer: Thermometer):
        source = SSAValue.get(input)
        super().__init__(
            operands=[source],
            properties={"thresholds": ThresholdsAttr(thermometer)},
            result_types=[with_last(source.type, thermometer.bits)],
        )

    @property
    def quantization(self) -> Quantization:
        """How the stored inputs stand for reals."""
        return quantization_of(self, self.input)

    def verify_(self) -> None:
        """Check shapes and types."""
        _ = self.quantization
        _verify_bits(self, self.result)
        self.verify_tokens(self.thresholds.data.features, self.thresholds.data.bits)


@irdl_op_definition
class LayerOp(LutnetOp):
    """
    A layer of look-up tables: `lut_opt.dialects.lutnet.network.Luts` is its meaning.

        %c = lutnet.layer %b luts <connections = [[0, 3], [2]], tables = [0x8, 0x1]>
            : tensor<16x4xi1> -> tensor<16x2xi1>
    """

    name = "lutnet.layer"

    input = operand_def()
    luts = prop_def(LutsAttr)
    result = result_def()

    traits = traits_def(Pure(), Canonicalization())
    assembly_format = "$input `luts` $luts attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue | Operation, luts: Luts):
        source = SSAValue.get(input)
        super().__init__(
            operands=[source],
            properties={"luts": LutsAttr(luts)},
            result_types=[with_last(source.type, luts.count)],
        )

    def verify_(self) -> None:
        """Check shapes, and that every wire exists."""
        for value in (self.input, self.result):
            _verify_bits(self, value)
        self.verify_tokens(None, self.luts.data.count)
        if (wanted := self.luts.data.inputs) > self.inputs:
            raise VerifyException(f"a LUT is connected to bit {wanted - 1} of {self.inputs}")


class ReadoutOp(LutnetOp, ABC):
    """Bits in, quantized values out."""

    @property
    def quantization(self) -> Quantization:
        """How the stored results stand for reals."""
        return quantization_of(self, self.result)

    @property
    @abstractmethod
    def total(self) -> ConditionalSum:
        """The sum that this computes."""


@irdl_op_definition
class PopcountOp(ReadoutOp):
    """
    How many bits are set in each of equal, consecutive groups, as a stored integer.

    What a count stands for is in the type of the result: a zero point of half the group's size
    centers it.

        %y = lutnet.popcount %c
            : tensor<16x32xi1> -> tensor<16x4x!quant.uniform<u8:f32, 1.250000e-01:4>>
    """

    name = "lutnet.popcount"

    input = operand_def()
    result = result_def()

    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue | Operation, result_type: Attribute):
        super().__init__(operands=[input], result_types=[result_type])

    @property
    def total(self) -> ConditionalSum:
        return popcount(self.inputs, _shape("result", self.result)[-1])

    def verify_(self) -> None:
        """Check shapes, and that a full group can be stored."""
        _verify_bits(self, self.input)
        stored, groups = self.quantization, _shape("result", self.result)[-1]
        self.verify_tokens(None, groups)
        if groups < 1 or self.inputs % groups:
            raise VerifyException(f"{self.inputs} bits are not {groups} equal groups")
        size = self.inputs // groups
        if not stored.minimum <= 0 <= size <= stored.maximum:
            raise VerifyException(
                f"counts from 0 to {size} do not fit the storage range "
                f"[{stored.minimum}, {stored.maximum}] of the result"
            )


@irdl_op_definition
class SumOp(ReadoutOp):
    """
    Conditional sum: what the set bits weigh, rounded to the result's scale.

    `lut_opt.dialects.lutnet.network.ConditionalSum` is its meaning.

        %y = lutnet.sum %c weights <[[3, -1], [2, -5]], bias = [0, 64], shift = 4>
            : tensor<16x2xi1> -> tensor<16x2x!quant.uniform<i8:f32, 6.250000e-02>>
    """

    name = "lutnet.sum"

    input = operand_def()
    weights = prop_def(WeightsAttr)
    result = result_def()

    traits = traits_def(Pure())
    assembly_format = "$input `weights` $weights attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue | Operation, total: ConditionalSum, result_type: Attribute):
        super().__init__(
            operands=[input],
            properties={"weights": WeightsAttr(total)},
            result_types=[result_type],
        )

    @property
    def total(self) -> ConditionalSum:
        return self.weights.data

    def verify_(self) -> None:
        """Check shapes and types, and that every weighed bit exists."""
        _verify_bits(self, self.input)
        _ = self.quantization
        self.verify_tokens(None, self.total.results)
        try:
            self.total.check_inputs(self.inputs)
        except ValueError as error:
            raise VerifyException(str(error)) from error


def quantization_of(op: Operation, value: SSAValue) -> Quantization:
    """How a value is stored; VerifyException if it is not quantized."""
    element = element_type(value.type)
    if not isinstance(element, UniformQuantizedType):
        raise VerifyException(
            f"{op.name} needs a ranked tensor of !quant.uniform elements, got {value.type}"
        )
    return element.quantization


def with_last(type_: Attribute, size: int) -> Attribute:
    """The tensor type of bits that differs in its last axis."""
    if not isa(type_, TensorType[Attribute]) or not type_.get_shape():
        raise VerifyException(f"a network needs a ranked tensor with an axis, got {type_}")
    return TensorType(i1, (*type_.get_shape()[:-1], size), type_.encoding)


def _verify_bits(op: Operation, value: SSAValue) -> None:
    if element_type(value.type) != i1:
        raise VerifyException(f"bits of {op.name} must be a tensor of i1, got {value.type}")


def _shape(side: str, value: SSAValue) -> tuple[int, ...]:
    if not isa(value.type, TensorType[Attribute]) or not value.type.get_shape():
        raise VerifyException(f"the {side} must be a ranked tensor with an axis, got {value.type}")
    if value.type.get_shape()[-1] < 0:
        raise VerifyException(f"the last axis of the {side} must have a size, got {value.type}")
    return value.type.get_shape()


Consumer = LayerOp | ReadoutOp


class ReduceInputs(RewritePattern):
    """Drop the inputs of LUTs that their tables ignore or have twice, and sort the others."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LayerOp, rewriter: PatternRewriter) -> None:
        """The wires and tables change, the answers do not."""
        smaller = simplify.reduced(op.luts.data)
        if smaller != op.luts.data:
            op.luts = LutsAttr(smaller)
            rewriter.handle_operation_modification(op)
            rewriter.has_done_action = True


class DropThresholds(RewritePattern):
    """Merge equal thresholds, and drop those that are not used or tell no stored inputs apart."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: EncodeOp, rewriter: PatternRewriter) -> None:
        """Make an encoder of the bits that are needed."""
        keys = simplify.threshold_keys(op.thresholds.data, op.quantization)
        _shrink(
            op,
            keys,
            lambda places: EncodeOp(
                op.input, simplify.choose_thresholds(op.thresholds.data, places)
            ),
            rewriter,
        )


class DropLuts(RewritePattern):
    """Merge equal LUTs, and drop those that are constant or not used."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LayerOp, rewriter: PatternRewriter) -> None:
        """Make a layer of the LUTs that are needed."""
        luts = op.luts.data
        if simplify.reduced(luts) == luts:
            _shrink(
                op,
                simplify.lut_keys(luts),
                lambda places: LayerOp(op.input, simplify.choose_luts(luts, places)),
                rewriter,
            )


class SkipCopies(RewritePattern):
    """Let consumers of a layer that only copies bits read what it copies."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LayerOp, rewriter: PatternRewriter) -> None:
        """Nothing uses the layer any more."""
        consumers = _consumers(op.result)
        copied = simplify.copies(op.luts.data)
        if copied is not None and consumers:
            for consumer in consumers:
                _rewire(consumer, op.input, op.inputs, copied, rewriter)


def _shrink(
    op: EncodeOp | LayerOp,
    keys: Sequence[simplify.Hashable | simplify.Constant],
    make: Callable[[Sequence[int]], EncodeOp | LayerOp],
    rewriter: PatternRewriter,
) -> None:
    """Replace a producer by one of the bits that are needed, if every user can be rewired."""
    consumers = _consumers(op.result)
    if not consumers:
        return
    kept: Kept = simplify.keep(keys, set[int]().union(*map(_used, consumers)))
    if not kept.changes:
        return
    smaller = make(kept.places)
    smaller.location = op.location
    rewriter.insert(smaller, InsertPoint.before(op))
    for consumer in consumers:
        _rewire(consumer, smaller.result, len(kept.places), kept.meanings, rewriter)


def _consumers(bits: SSAValue) -> list[Consumer]:
    """The users of bits, each once; none if there is another user."""
    users = list(dict.fromkeys(use.operation for use in bits.uses))
    found = [user for user in users if isinstance(user, LayerOp | ReadoutOp)]
    return found if len(found) == len(users) else []


def _used(op: Consumer) -> set[int]:
    if isinstance(op, LayerOp):
        return simplify.used_by_luts(op.luts.data)
    return simplify.used_by_sum(op.total)


def _rewire(
    op: Consumer,
    bits: SSAValue,
    count: int,
    meanings: Sequence[Meaning],
    rewriter: PatternRewriter,
) -> None:
    """Let an op take other bits, in terms of which its own are known."""
    if isinstance(op, LayerOp):
        made: LayerOp | ReadoutOp = LayerOp(bits, simplify.substitute_luts(op.luts.data, meanings))
    elif isinstance(op, PopcountOp) and list(meanings) == list(range(count)):
        made = PopcountOp(bits, op.result.type)
    else:
        total = simplify.substitute_sum(op.total, meanings, count)
        made = SumOp(bits, total, op.result.type)
    made.location = op.location
    rewriter.replace(op, made)
