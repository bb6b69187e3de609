"""Division of integers, element by element."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import DYNAMIC_INDEX, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    base,
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
from lut_opt.dialects.pwl.ops import verify_period
from lut_opt.dialects.pwl.reduction_attributes import (
    LeadingZeroAttr,
    MultiRangeAttr,
    ReductionAttr,
)
from lut_opt.dialects.pwl.unit_ops import UnitOp, shape_of
from lut_opt.dialects.quant import UniformQuantizedType, element_type
from lut_opt.dialects.quantization import Quantization


@irdl_op_definition
class DivideOp(UnitOp):
    """
    Divide, through a table of reciprocals: `units.Division` is its meaning.

    The numerator has up to 16 bits, the denominator up to 32; scalars, or tensors that broadcast
    as NumPy's do: aligned at the last axis, a size of 1 is repeated. Dynamic sizes are equal. A
    denominator that stands for 0 gives the largest or smallest result, by the numerator's sign,
    and 0/0 is 0. The search adds the table.

        %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 10>
            : tensor<8x64x!quant.uniform<i16:f32, 9.765625E-4>>,
              tensor<8x1x!quant.uniform<u32:f32, 9.5367431640625E-7>>
            -> tensor<8x64x!quant.uniform<i16:f32, 9.765625E-4>>
    """

    name = "pwl.divide"
    UNIT: ClassVar[type[units.Unit]] = units.Division

    input = operand_def()
    denominator = operand_def()
    result = result_def()
    reduce = prop_def(base(LeadingZeroAttr) | base(MultiRangeAttr))
    reciprocal = opt_prop_def(TableAttr)
    reciprocal_fit = opt_prop_def(FitAttr)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())

    assembly_format = (
        "$input `,` $denominator `reduce` $reduce attr-dict "
        "`:` type($input) `,` type($denominator) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue | Operation,
        denominator: SSAValue | Operation,
        result_type: Attribute,
        *,
        reduce: ReductionAttr,
    ):
        super().__init__(
            operands=[input, denominator],
            result_types=[result_type],
            properties={"reduce": reduce},
        )

    @property
    def denominator_quantization(self) -> Quantization:
        """How the stored denominators stand for reals."""
        return self.stored("denominator", self.denominator)

    @property
    def constants(self) -> dict[str, units.Constant]:
        return {"reduction": self.reduce.data}

    @property
    def row_axes(self) -> tuple[int, ...]:
        return ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result, −1 where a size is dynamic."""
        return shape_of(self.result.type)

    def stored(self, kind: str, value: SSAValue) -> Quantization:
        """As for other units; scalars are divided too."""
        element = element_type(value.type)
        held = isa(value.type, TensorType[Attribute]) or element == value.type
        if not held or not isinstance(element, UniformQuantizedType):
            kind = "numerator" if kind == "input" else kind
            raise VerifyException(
                f"the {kind} of pwl.divide must be !quant.uniform or a ranked tensor of it, got "
                f"{value.type}"
            )
        return element.quantization

    def verify_attributes(self) -> None:
        verify_period("reciprocal", self.reduce.data)

    def verify_shapes(self) -> None:
        for kind, value in (("numerator", self.input), ("denominator", self.denominator)):
            _verify_broadcast(kind, value.type, self.result.type)
        _verify_sizes(self)


def _verify_broadcast(kind: str, type_: Attribute, result: Attribute) -> None:
    shape, wanted = shape_of(type_), shape_of(result)
    aligned = wanted[len(wanted) - len(shape) :]
    fits = len(shape) <= len(wanted) and all(
        size in (1, other, DYNAMIC_INDEX) for size, other in zip(shape, aligned, strict=True)
    )
    if not fits or (isa(type_, TensorType[Attribute]) and not isa(result, TensorType[Attribute])):
        raise VerifyException(f"the {kind} {type_} does not broadcast to the result {result}")


def _verify_sizes(op: DivideOp) -> None:
    """Check that every dynamic size of the result is that of an operand."""
    for axis, size in enumerate(reversed(op.shape)):
        shapes = [shape_of(value.type)[::-1] for value in (op.input, op.denominator)]
        known = [shape[axis] for shape in shapes if axis < len(shape)]
        if size == DYNAMIC_INDEX and DYNAMIC_INDEX not in known:
            raise VerifyException(
                f"axis {len(op.shape) - 1 - axis} of the result {op.result.type} is dynamic, but "
                "that of no operand is: give its size"
            )
