"""Layer norm and RMS norm as operations on integers."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, f64, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.attributes import FitAttr, TableAttr
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.pwl.unit_ops import (
    Lookup,
    UnitOp,
    optional_operand,
    quantization_of,
    shape_of,
    verify_power_of_two,
    verify_row,
)

MAX_EPSILON = 2.0**35
"""ε with the fraction bits of the squares, in squared input steps."""

_NO_TABLE = TableAttr(Table((), (0,), (0,)))
"""Stands for the table where only the unit's widths and shifts matter."""


class NormOp(UnitOp, ABC):
    """What the norms share; a row is the last `normalized` axes."""

    CENTRED: ClassVar[bool]

    epsilon = prop_def(FloatAttr)
    normalized = prop_def(IntegerAttr)
    rsqrt = opt_prop_def(TableAttr)
    rsqrt_fit = opt_prop_def(FitAttr)
    gamma = opt_operand_def()

    @property
    def beta_value(self) -> SSAValue | None:
        """The addend of the affine part."""
        return None

    def lookups(self) -> tuple[Lookup, ...]:
        sides = units.RSQRT_OPERAND, units.INVERSE_RESULT
        return (Lookup("rsqrt", FUNCTIONS["rsqrt"], *sides, self.rsqrt, self.rsqrt_fit),)

    def unit(self) -> units.Norm:
        """The semantics of an op that has its table."""
        if self.rsqrt is None:
            raise ValueError(f"{self.name} has no table: run --pwl-search first")
        return self._unit(self.rsqrt)

    def _unit(self, rsqrt: TableAttr) -> units.Norm:
        gamma, beta = self.gamma, self.beta_value
        return units.Norm(
            self.input_quantization,
            self.result_quantization,
            rsqrt.data,
            self.epsilon.value.data,
            self.CENTRED,
            None if gamma is None else quantization_of(self, "gamma", gamma.type),
            None if beta is None else quantization_of(self, "beta", beta.type),
        )

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of the last `normalized` axes, that of gamma and beta."""
        return self.shape[len(self.shape) - self.normalized.value.data :]

    def verify_(self) -> None:
        count = self.normalized.value.data
        if not 1 <= count <= len(self.shape):
            raise VerifyException(
                f"normalized must be from 1 to the {len(self.shape)} axes of the input, got {count}"
            )
        self.verify_unit()
        length = 1
        for size in self.row_shape:
            length *= max(size, 1)
        verify_row(self.name, length)
        self._verify_affine()
        epsilon = self.epsilon.value.data
        unit = self._unit(_NO_TABLE)
        if units.centred_bits(unit.operand) > units.MAX_CENTRED_BITS:
            raise VerifyException(
                f"an input of {self.name} lies at most 2^{units.MAX_CENTRED_BITS} from its zero "
                "point: use i16"
            )
        if not 0 <= epsilon * 2.0**unit.square_fraction / unit.operand.scale**2 <= MAX_EPSILON:
            raise VerifyException(
                f"epsilon {epsilon} is negative or too large for inputs in steps of "
                f"{unit.operand.scale}"
            )

    def _verify_affine(self) -> None:
        for name, value in (("gamma", self.gamma), ("beta", self.beta_value)):
            if value is None:
                continue
            if shape_of(value.type) != self.row_shape:
                raise VerifyException(f"{name} {value.type} has not the shape of a row")
            quantization = quantization_of(self, name, value.type)
            verify_power_of_two(self.name, name, quantization)
            if quantization.zero_point:
                raise VerifyException(f"{name} must have a zero point of 0")
        unit = self._unit(_NO_TABLE)
        beta_bits = 0 if unit.beta is None else unit.beta.bits
        if not 0 <= unit.beta_shift <= units.MAX_SHIFTED_BITS - beta_bits and unit.beta:
            raise VerifyException(
                f"the scale of beta must be 2^-{unit.product_bits} or somewhat larger"
            )
        if not 0 <= unit.result_shift <= units.MAX_SHIFTED_BITS:
            raise VerifyException(f"the result scale must be 2^-{unit.product_bits} or larger")


@irdl_op_definition
class LayerNormOp(NormOp):
    """
    Layer norm over the last `normalized` axes, on integers: `units.Norm` is its meaning.

    `gamma` and `beta` have the shape of those axes; the search adds the `rsqrt` table.

        %y = pwl.layer_norm %x gamma %g : tensor<64x!quant.uniform<i16:f32, 6.103516e-05>>
            beta %b : tensor<64x!quant.uniform<i16:f32, 6.103516e-05>>
            {epsilon = 1.0e-05 : f64, normalized = 1 : i64}
            : tensor<8x64x!quant.uniform<i16:f32, 1.953125e-03>>
            -> tensor<8x64x!quant.uniform<i8:f32, 6.250000e-02>>
    """

    name = "pwl.layer_norm"
    FUNCTION: ClassVar[str] = "layer_norm"
    CENTRED: ClassVar[bool] = True

    input = operand_def()
    gamma = opt_operand_def()
    beta = opt_operand_def()

    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    traits = traits_def(Pure())

    assembly_format = (
        "$input (`gamma` $gamma^ `:` type($gamma))? (`beta` $beta^ `:` type($beta))? attr-dict "
        "`:` type($input) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        result_type: Attribute,
        *,
        gamma: SSAValue | None = None,
        beta: SSAValue | None = None,
        epsilon: float,
        normalized: int = 1,
    ):
        super().__init__(
            operands=[input, optional_operand(gamma), optional_operand(beta)],
            result_types=[result_type],
            properties={
                "epsilon": FloatAttr(epsilon, f64),
                "normalized": IntegerAttr(normalized, i64),
            },
        )

    @property
    def beta_value(self) -> SSAValue | None:
        return self.beta


@irdl_op_definition
class RMSNormOp(NormOp):
    """
    RMS norm over the last `normalized` axes, on integers: `units.Norm` is its meaning.

        %y = pwl.rms_norm %x gamma %g : tensor<64x!quant.uniform<i16:f32, 6.103516e-05>>
            {epsilon = 1.0e-06 : f64, normalized = 1 : i64}
            : tensor<8x64x!quant.uniform<i16:f32, 1.953125e-03>>
            -> tensor<8x64x!quant.uniform<i8:f32, 6.250000e-02>>
    """

    name = "pwl.rms_norm"
    FUNCTION: ClassVar[str] = "rms_norm"
    CENTRED: ClassVar[bool] = False

    input = operand_def()
    gamma = opt_operand_def()

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())

    assembly_format = (
        "$input (`gamma` $gamma^ `:` type($gamma))? attr-dict `:` type($input) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        result_type: Attribute,
        *,
        gamma: SSAValue | None = None,
        epsilon: float,
        normalized: int = 1,
    ):
        super().__init__(
            operands=[input, optional_operand(gamma)],
            result_types=[result_type],
            properties={
                "epsilon": FloatAttr(epsilon, f64),
                "normalized": IntegerAttr(normalized, i64),
            },
        )
