"""Operations that compute a whole row at once, on integers: what they share, and softmax."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, TensorType, i64
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
from lut_opt.dialects.pwl.ops import verify_table
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quant import UniformQuantizedType, element_type
from lut_opt.dialects.quantization import Quantization


@dataclass(frozen=True)
class Lookup(units.Part):
    """One table of a unit op; None: not searched yet."""

    name: str = ""
    """Name of the property that holds the table; its certificate is in `<name>_fit`."""
    table: TableAttr | None = None
    fit: FitAttr | None = None


class UnitOp(IRDLOperation, ABC):
    """
    What the units share: quantized tensors in, one out, no effect.

    Operands follow the input in the order of the unit's parameters, under their names; tables are
    properties under theirs. `snr` is the signal-to-noise ratio of the whole unit, in decibels, over
    rows as its declarations (`pwl.range`, …) describe them: the search states it.
    """

    UNIT: ClassVar[type[units.Unit]]
    """The meaning, of which the op holds the data."""

    # Each op defines its operands again: their order is that of its own definitions.
    input = operand_def()
    result = result_def()
    snr = opt_prop_def(FloatAttr)

    @property
    def input_quantization(self) -> Quantization:
        """How the stored inputs stand for reals."""
        return self.stored("input", self.input)

    @property
    def result_quantization(self) -> Quantization:
        """How the stored results stand for reals."""
        return self.stored("result", self.result)

    @property
    def parameters(self) -> dict[str, SSAValue]:
        """The operands besides the input, as far as there are any."""
        found = {name: getattr(self, name, None) for name in self.UNIT.parameter_names()}
        return {name: value for name, value in found.items() if value is not None}

    @property
    @abstractmethod
    def constants(self) -> dict[str, units.Constant]:
        """The constants of the unit."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of input and result, −1 where a size is dynamic."""
        return shape_of(self.input.type)

    @property
    @abstractmethod
    def row_axes(self) -> tuple[int, ...]:
        """The axes that a row spans, ascending; none for an element-wise unit."""

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Sizes of a row's axes, those of a norm's gamma and beta."""
        return tuple(self.shape[axis] for axis in self.row_axes)

    def lookups(self) -> tuple[Lookup, ...]:
        """The unit's tables, searched or not."""
        parts = self._build({}).parts
        return tuple(
            Lookup(
                **vars(part), name=name, table=self._table(name), fit=getattr(self, f"{name}_fit")
            )
            for name, part in parts.items()
        )

    def unit(self) -> units.Unit:
        """The semantics of an op that has its tables. ValueError if it has none."""
        names = self.UNIT.table_names()
        found = {name: table.data for name in names if (table := self._table(name)) is not None}
        if len(found) < len(names):
            several = "s" if len(names) > 1 else ""
            raise ValueError(f"{self.name} has no table{several}: run --pwl-search first")
        return self._build(found)

    def _table(self, name: str) -> TableAttr | None:
        return getattr(self, name)

    def _build(self, tables: Mapping[str, Table]) -> units.Unit:
        """The semantics, with blanks for tables that are not given."""
        return self.UNIT.build(
            self.input_quantization,
            self.result_quantization,
            {name: tables.get(name, units.BLANK) for name in self.UNIT.table_names()},
            {name: self.stored(name, value) for name, value in self.parameters.items()},
            self.constants,
        )

    def choose_constants(self, param_bits: int) -> None:
        """Set those constants that follow from the width of the parameters to search for."""

    def set_table(self, name: str, table: TableAttr, fit: FitAttr | None) -> None:
        """Put a table and its certificate on the op."""
        self.properties[name] = table
        if fit is not None:
            self.properties[f"{name}_fit"] = fit

    def stored(self, kind: str, value: SSAValue) -> Quantization:
        """How an operand or the result is stored; VerifyException if it is not quantized."""
        element = element_type(value.type)
        if not isa(value.type, TensorType[Attribute]) or not isinstance(
            element, UniformQuantizedType
        ):
            raise VerifyException(
                f"{kind} of {self.name} must be a ranked tensor of !quant.uniform elements, got "
                f"{value.type}"
            )
        return element.quantization

    def verify_(self) -> None:
        """Check attributes, shapes, types, constants and tables."""
        self.verify_attributes()
        self.verify_shapes()
        try:
            unit = self._build({})
            unit.check()
            for lookup in self.lookups():
                self._verify_lookup(lookup)
        except ValueError as error:
            raise VerifyException(str(error)) from error
        self._verify_signal()
        length = math.prod(max(size, 1) for size in self.row_shape)
        if length > units.MAX_ROW:
            raise VerifyException(
                f"{self.name} takes rows of up to {units.MAX_ROW} elements, got {length}"
            )

    @abstractmethod
    def verify_attributes(self) -> None:
        """Check what says which elements make a row, and what else is the op's own."""

    def verify_shapes(self) -> None:
        """Check the shapes of operands and result."""
        if self.shape != shape_of(self.result.type):
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} differ in shape"
            )
        for name, value in self.parameters.items():
            if shape_of(value.type) != self.row_shape:
                raise VerifyException(f"{name} {value.type} has not the shape of a row")

    def _verify_signal(self) -> None:
        if self.snr is None:
            return
        if not math.isfinite(self.snr.value.data):
            raise VerifyException(f"snr must be finite, got {self.snr.value.data}")
        if any(lookup.table is None for lookup in self.lookups()):
            raise VerifyException("an snr without tables: remove it, or add the tables")

    def _verify_lookup(self, lookup: Lookup) -> None:
        if lookup.table is not None:
            verify_table(lookup.table.data, lookup.operand, lookup.result)
            self._build({lookup.name: lookup.table.data}).check_table(lookup.name)
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
    def constants(self) -> dict[str, units.Constant]:
        # Until the search says more: what parameters of 8 bits will give.
        given = self.exp_fraction
        fraction = units.exp_fraction_for(self.input_quantization, 8)
        return {
            "clip": self.clip.value.data,
            "exp_fraction": fraction if given is None else given.value.data,
        }

    @property
    def row_axes(self) -> tuple[int, ...]:
        return (self.axis.value.data,)

    def choose_constants(self, param_bits: int) -> None:
        fraction = units.exp_fraction_for(self.input_quantization, param_bits)
        self.properties["exp_fraction"] = IntegerAttr(fraction, i64)

    def verify_attributes(self) -> None:
        if not 0 <= self.axis.value.data < len(self.shape):
            raise VerifyException(
                f"axis {self.axis.value.data} is not within 0 … {len(self.shape) - 1}"
            )
        if (self.exp is None) != (self.exp_fraction is None):
            raise VerifyException("the exp table and exp_fraction come together or not at all")


@irdl_op_definition
class SoftmaxOp(RowExponentialsOp):
    """
    Softmax along one axis, on integers: `lut_opt.dialects.pwl.units.Softmax` is its meaning.

        %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64}
            : tensor<8x32x!quant.uniform<i16:f32, 6.250000e-02>>
            -> tensor<8x32x!quant.uniform<u8:f32, 3.906250e-03>>
    """

    name = "pwl.softmax"
    UNIT: ClassVar[type[units.Unit]] = units.Softmax

    input = operand_def()
    reciprocal = opt_prop_def(TableAttr)
    reciprocal_fit = opt_prop_def(FitAttr)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"


@irdl_op_definition
class LogSoftmaxOp(RowExponentialsOp):
    """
    Logarithm of softmax, on integers: `lut_opt.dialects.pwl.units.LogSoftmax` is its meaning.

        %y = pwl.log_softmax %x {axis = 1 : i64, clip = -2047 : i64}
            : tensor<8x32x!quant.uniform<i16:f32, 7.812500e-03>>
            -> tensor<8x32x!quant.uniform<i16:f32, 9.765625e-04>>
    """

    name = "pwl.log_softmax"
    UNIT: ClassVar[type[units.Unit]] = units.LogSoftmax

    input = operand_def()
    log = opt_prop_def(TableAttr)
    log_fit = opt_prop_def(FitAttr)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `->` type($result)"


def optional_operand(value: SSAValue | None) -> list[SSAValue]:
    """The operand list of an operand that may be missing."""
    return [] if value is None else [value]


def shape_of(type_: Attribute) -> tuple[int, ...]:
    """Sizes of a tensor type, −1 where dynamic; empty for any other type."""
    return type_.get_shape() if isa(type_, TensorType[Attribute]) else ()
