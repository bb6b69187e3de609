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
from lut_opt.dialects.pwl.unit_ops import UnitOp, optional_operand


class NormOp(UnitOp, ABC):
    """What the norms share; a row is the last `normalized` axes."""

    epsilon = prop_def(FloatAttr)
    normalized = prop_def(IntegerAttr)
    rsqrt = opt_prop_def(TableAttr)
    rsqrt_fit = opt_prop_def(FitAttr)
    gamma = opt_operand_def()

    @property
    def constants(self) -> dict[str, units.Constant]:
        return {"epsilon": self.epsilon.value.data}

    @property
    def row_axes(self) -> tuple[int, ...]:
        rank = len(self.shape)
        return tuple(range(rank - self.normalized.value.data, rank))

    def verify_attributes(self) -> None:
        count = self.normalized.value.data
        if not 1 <= count <= len(self.shape):
            raise VerifyException(
                f"normalized must be from 1 to the {len(self.shape)} axes of the input, got {count}"
            )


@irdl_op_definition
class LayerNormOp(NormOp):
    """
    Layer norm over the last `normalized` axes, on integers: `units.LayerNorm` is its meaning.

    `gamma` and `beta` have the shape of those axes; the search adds the `rsqrt` table.

        %y = pwl.layer_norm %x gamma %g : tensor<64x!quant.uniform<i16:f32, 6.103516e-05>>
            beta %b : tensor<64x!quant.uniform<i16:f32, 6.103516e-05>>
            {epsilon = 1.0e-05 : f64, normalized = 1 : i64}
            : tensor<8x64x!quant.uniform<i16:f32, 1.953125e-03>>
            -> tensor<8x64x!quant.uniform<i8:f32, 6.250000e-02>>
    """

    name = "pwl.layer_norm"
    UNIT: ClassVar[type[units.Unit]] = units.LayerNorm

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


@irdl_op_definition
class RMSNormOp(NormOp):
    """
    RMS norm over the last `normalized` axes, on integers: `units.RMSNorm` is its meaning.

        %y = pwl.rms_norm %x gamma %g : tensor<64x!quant.uniform<i16:f32, 6.103516e-05>>
            {epsilon = 1.0e-06 : f64, normalized = 1 : i64}
            : tensor<8x64x!quant.uniform<i16:f32, 1.953125e-03>>
            -> tensor<8x64x!quant.uniform<i8:f32, 6.250000e-02>>
    """

    name = "pwl.rms_norm"
    UNIT: ClassVar[type[units.Unit]] = units.RMSNorm

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
