"""Operations that compute a whole row at once, on integers: what they share, and softmax."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, TensorType, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.attributes import FitAttr, TableAttr
from lut_opt.dialects.pwl.functions import FUNCTIONS, Function
from lut_opt.dialects.pwl.ops import verify_table
from lut_opt.dialects.pwl.reduction import Reduction
from lut_opt.dialects.quant import UniformQuantizedType, element_type
from lut_opt.dialects.quantization import Quantization, exact_log2


@dataclass(frozen=True)
class Lookup:
    """One table of a unit: what it approximates, between which integers; None: not searched yet."""

    name: str
    """Name of the property that holds the table; its certificate is in `<name>_fit`."""
    function: Function
    operand: Quantization
    result: Quantization
    table: TableAttr | None
    fit: FitAttr | None
    reduction: Reduction | None = None
    """What brings wide operands here: relative errors count then, every octave alike."""


class UnitOp(IRDLOperation, ABC):
    """What the units share: one quantized tensor in, one of the same shape out, no effect."""

    FUNCTION: ClassVar[str]

    # Each op defines its operands again: their order is that of its own definitions.
    input = operand_def()
    result = result_def()

    @property
    def input_quantization(self) -> Quantization:
        """How the stored inputs stand for reals."""
        return quantization_of(self, "input", self.input.type)

    @property
    def result_quantization(self) -> Quantization:
        """How the stored results stand for reals."""
        return quantization_of(self, "result", self.result.type)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of input and result, −1 where a size is dynamic."""
        return shape_of(self.input.type)

    @abstractmethod
    def lookups(self) -> tuple[Lookup, ...]:
        """The unit's tables, searched or not."""

    def set_table(self, name: str, table: TableAttr, fit: FitAttr | None) -> None:
        """Put a table and its certificate on the op."""
        self.properties[name] = table
        if fit is not None:
            self.properties[f"{name}_fit"] = fit

    def verify_unit(self) -> None:
        """Check the types and tables that every unit has."""
        operand, result = self.input_quantization, self.result_quantization
        if self.shape != shape_of(self.result.type):
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} differ in shape"
            )
        if operand.bits > 16 or result.bits > 16:
            raise VerifyException(f"{self.name} takes and gives at most 16 bits")
        verify_power_of_two(self.name, "result", result)
        for lookup in self.lookups():
            if lookup.table is not None:
                verify_table(lookup.table.data, lookup.operand, lookup.result)
            elif lookup.fit is not None:
                raise VerifyException("a certificate without a table: remove it, or add the table")


class RowExponentialsOp(UnitOp, ABC):
    """
    What softmax and log-softmax share: a row lies along `axis`.

    `clip` < 0 is the distance to the row's maximum, in input steps, from which on a value is worth
    exactly nothing: the `exp` table must hold 0 there, so that masked positions vanish. The search
    adds the tables, and `exp_fraction`, the fraction bits of exp's results.
    """

    axis = prop_def(IntegerAttr)
    clip = prop_def(IntegerAttr)
    exp_fraction = opt_prop_def(IntegerAttr)
    exp = opt_prop_def(TableAttr)
    exp_fit = opt_prop_def(FitAttr)

    def __init__(
        self, input: SSAValue | Operation, result_type: Attribute, *, axis: int, clip: int
    ):
        super().__init__(
            operands=[input],
            result_types=[result_type],
            properties={"axis": IntegerAttr(axis, i64), "clip": IntegerAttr(clip, i64)},
        )

    @property
    def fraction(self) -> int:
        """Fraction bits of exp's results: `exp_fraction`, or what 8-bit parameters will give."""
        if self.exp_fraction is not None:
            return self.exp_fraction.value.data
        return exp_fraction_for(self.input_quantization, 8)

    def exp_lookup(self) -> Lookup:
        """The table of exponentials."""
        operand = units.exp_operand(self.input_quantization.scale, self.clip.value.data)
        result = units.exp_result(self.fraction)
        return Lookup("exp", FUNCTIONS["exp"], operand, result, self.exp, self.exp_fit)

    @abstractmethod
    def unit(self) -> units.Softmax | units.LogSoftmax:
        """The semantics of an op that has its tables. ValueError if it has none."""

    def verify_(self) -> None:
        shape, axis, clip = self.shape, self.axis.value.data, self.clip.value.data
        if not 0 <= axis < len(shape):
            raise VerifyException(f"axis {axis} is not within 0 … {len(shape) - 1}")
        if not -(1 << 16) < clip < 0:
            raise VerifyException(f"clip must be from {1 - (1 << 16)} to -1, got {clip}")
        if not 1 <= self.fraction <= units.MAX_EXP_FRACTION:
            raise VerifyException(
                f"exp_fraction must be from 1 to {units.MAX_EXP_FRACTION}, got {self.fraction}"
            )
        if (self.exp is None) != (self.exp_fraction is None):
            raise VerifyException("the exp table and exp_fraction come together or not at all")
        self.verify_unit()
        self.verify_scales()
        verify_row(self.name, shape[axis])
        if self.exp is not None:
            self._verify_exp(self.exp)

    @abstractmethod
    def verify_scales(self) -> None:
        """Check the scales and the zero point of input and result."""

    def _verify_exp(self, table: TableAttr) -> None:
        result = units.exp_result(self.fraction)
        ends = self.exp_lookup().operand.ends
        masked, largest = table.data.evaluate(ends, result).tolist()
        if masked != 0:
            raise VerifyException(
                f"the exp table gives {masked} at clip = {ends[0]}, where masked positions are: "
                "it must be 0"
            )
        if largest < 1:
            raise VerifyException("the exp table gives 0 at a distance of 0: no row has a sum")


@irdl_op_definition
class SoftmaxOp(RowExponentialsOp):
    """
    Softmax along one axis, on integers: `lut_opt.dialects.pwl.units.Softmax` is its meaning.

        %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64}
            : tensor<8x32x!quant.uniform<i16:f32, 6.250000e-02>>
            -> tensor<8x32x!quant.uniform<u8:f32, 3.906250e-03>>
    """

    name = "pwl.softmax"
    FUNCTION: ClassVar[str] = "softmax"

    input = operand_def()
    reciprocal = opt_prop_def(TableAttr)
    reciprocal_fit = opt_prop_def(FitAttr)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def lookups(self) -> tuple[Lookup, ...]:
        sides = units.RECIPROCAL_OPERAND, units.INVERSE_RESULT
        tables = self.reciprocal, self.reciprocal_fit
        reciprocal = Lookup("reciprocal", FUNCTIONS["reciprocal"], *sides, *tables)
        return self.exp_lookup(), reciprocal

    def unit(self) -> units.Softmax:
        if self.exp is None or self.reciprocal is None:
            raise ValueError("pwl.softmax has no tables: run --pwl-search first")
        return units.Softmax(
            self.input_quantization,
            self.result_quantization,
            self.clip.value.data,
            self.fraction,
            self.exp.data,
            self.reciprocal.data,
        )

    def verify_scales(self) -> None:
        result = self.result_quantization
        if not 2.0**-15 <= result.scale <= 1 or result.zero_point:
            raise VerifyException("the result needs a scale from 2^-15 to 1 and a zero point of 0")


@irdl_op_definition
class LogSoftmaxOp(RowExponentialsOp):
    """
    Logarithm of softmax, on integers: `lut_opt.dialects.pwl.units.LogSoftmax` is its meaning.

        %y = pwl.log_softmax %x {axis = 1 : i64, clip = -2047 : i64}
            : tensor<8x32x!quant.uniform<i16:f32, 7.812500e-03>>
            -> tensor<8x32x!quant.uniform<i16:f32, 9.765625e-04>>
    """

    name = "pwl.log_softmax"
    FUNCTION: ClassVar[str] = "log_softmax"

    input = operand_def()
    log = opt_prop_def(TableAttr)
    log_fit = opt_prop_def(FitAttr)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"

    def lookups(self) -> tuple[Lookup, ...]:
        sides = units.RECIPROCAL_OPERAND, units.LOG_RESULT
        log = Lookup("log", FUNCTIONS["log"], *sides, self.log, self.log_fit)
        return self.exp_lookup(), log

    def unit(self) -> units.LogSoftmax:
        if self.exp is None or self.log is None:
            raise ValueError("pwl.log_softmax has no tables: run --pwl-search first")
        return units.LogSoftmax(
            self.input_quantization,
            self.result_quantization,
            self.clip.value.data,
            self.fraction,
            self.exp.data,
            self.log.data,
        )

    def verify_scales(self) -> None:
        verify_power_of_two(self.name, "input", self.input_quantization)
        least = 2.0**-units.TABLE_FRACTION
        most = 2.0 ** (units.MAX_DISTANCE_SHIFT - units.TABLE_FRACTION)
        if not least <= self.input_quantization.scale <= most:
            raise VerifyException(
                f"the input scale of {self.name} must be from 2^-16 to 2^28, got "
                f"{self.input_quantization.scale}"
            )
        if self.result_quantization.scale < least or self.result_quantization.zero_point:
            raise VerifyException(
                "the result needs a scale of at least 2^-16 and a zero point of 0"
            )


def exp_fraction_for(operand: Quantization, param_bits: int) -> int:
    """Fraction bits at which exp's steepest slope, 1, fits in `param_bits`, with a bit to spare."""
    steps = math.floor(-math.log2(operand.scale))
    return max(1, min(steps + param_bits - 2, units.MAX_EXP_FRACTION))


def optional_operand(value: SSAValue | None) -> list[SSAValue]:
    """The operand list of an operand that may be missing."""
    return [] if value is None else [value]


def shape_of(type_: Attribute) -> tuple[int, ...]:
    """Sizes of a tensor type, −1 where dynamic; empty for any other type."""
    return type_.get_shape() if isa(type_, TensorType[Attribute]) else ()


def quantization_of(op: UnitOp, kind: str, type_: Attribute) -> Quantization:
    """How a tensor operand is stored; VerifyException if it is not quantized."""
    element = element_type(type_)
    if not isa(type_, TensorType[Attribute]) or not isinstance(element, UniformQuantizedType):
        raise VerifyException(
            f"{kind} of {op.name} must be a ranked tensor of !quant.uniform elements, got {type_}"
        )
    return element.quantization


def verify_power_of_two(op: str, kind: str, quantization: Quantization) -> None:
    """Check that a scale is a power of two."""
    if exact_log2(quantization.scale) is None:
        raise VerifyException(
            f"the {kind} scale of {op} must be a power of two, got {quantization.scale}"
        )


def verify_row(op: str, length: int) -> None:
    """Check the length of a row, as far as it is known."""
    if length > units.MAX_ROW:
        raise VerifyException(f"{op} takes rows of up to {units.MAX_ROW} elements, got {length}")
