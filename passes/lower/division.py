"""Divisions: by something constant they are multiplications, any other becomes `pwl.divide`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    TensorType,
    VectorType,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.hints import isa

from lut_opt.dialects.foreign import foreign_number
from lut_opt.dialects.pwl import DivideOp, NamedFunction
from lut_opt.dialects.quant import (
    DequantizeCastOp,
    QuantizeCastOp,
    expressed_element,
    quantized_like,
)
from lut_opt.dialects.quantization import Reals
from lut_opt.dialects.torch import (
    VTensorLiteralOp,
    VTensorType,
    constant,
    constant_value,
    from_builtin_tensor,
    is_float,
    to_builtin_tensor,
    torch_name,
    torch_op,
)
from lut_opt.passes.quantize.divisions import (
    NAME,
    constant_elements,
    denominator_storage,
    depends_on_input,
    numerator_storage,
    quotient_storage,
)
from lut_opt.passes.quantize.functions import Defaults
from lut_opt.passes.quantize.wide import given_result, leading_zero
from lut_opt.passes.recognize.functions import Nonlinear
from lut_opt.passes.recognize.names import operator_name
from lut_opt.passes.support.declarations import (
    NUMERATOR,
    declared_result,
    interval,
    row_declarations,
)
from lut_opt.passes.support.diagnostics import OpError, copy_location


def division(op: Operation) -> Callable[[Defaults], None] | None:
    """What replaces a division of floats, None for any other op."""
    name = torch_name(op)
    if operator_name(op) in ("stablehlo.divide", "linalg.div"):
        types = {value.type for value in (*op.operands[:2], *op.results)}
        if len(op.operands) < 2 or len(op.results) != 1 or len(types) > 1:
            return None
        x = op.operands[1]
        return partial(_divide, op) if is_float(x.type) and depends_on_input(x) else None
    if name not in ("aten.div.Tensor", "aten.div.Scalar") and not isinstance(op, arith.DivfOp):
        return None
    a, b = op.operands[:2]
    if not is_float(a.type) or not (is_float(b.type) or name == "aten.div.Scalar"):
        return None
    if name == "aten.div.Scalar":
        value = constant_value(b)
        # A number that only a run tells divides alike whatever the tensor holds: it is linear.
        known = isinstance(value, int | float)
        return partial(_multiply_scalar, op, float(value)) if known else None
    if (values := constant_elements(b)) is not None:
        return partial(_multiply, op, values)
    # Weights beside the module, and what is made of constants: linear, and folded elsewhere.
    return partial(_divide, op) if depends_on_input(b) else None


def as_reciprocal(op: Operation) -> Nonlinear | None:
    """1/x is a function of x alone."""
    name = operator_name(op)
    if name not in ("torch.aten.div.Tensor", "stablehlo.divide") and not isinstance(
        op, arith.DivfOp
    ):
        return None
    if len(op.operands) < 2 or len(op.results) != 1:
        return None
    one, x = op.operands[:2]
    values = constant_elements(one)
    is_one = foreign_number(one) == 1.0 if values is None else bool(np.all(values == 1.0))
    if not is_one or op.results[0].type != x.type:
        return None
    if not is_float(x.type) or not depends_on_input(x):
        return None
    return Nonlinear(op, NamedFunction("reciprocal"), x)


def _inverse(op: Operation, values: Reals) -> list[float]:
    with np.errstate(all="ignore"):
        inverse = 1.0 / values
    if not np.all(np.isfinite(inverse)):
        raise OpError(op, f"{op.name} by a constant that is 0: mend it, or use keep={NAME}")
    return inverse.tolist()


def _multiply_scalar(op: Operation, value: float, defaults: Defaults) -> None:
    (inverse,) = _inverse(op, np.array([value]))
    factor = constant(inverse)
    product = torch_op("aten.mul.Scalar", [op.operands[0], factor.results[0]], [op.results[0].type])
    _replace(op, [factor, product])


def _multiply(op: Operation, values: Reals, defaults: Defaults) -> None:
    """Multiply by the reciprocal of a constant tensor or number."""
    a, b = op.operands[:2]
    inverse = _inverse(op, values)
    if isinstance(op, arith.DivfOp):
        factor: Operation = arith.ConstantOp(_constant_like(b.type, inverse))
        product: Operation = arith.MulfOp(a, factor.results[0], flags=op.fastmath)
    else:
        assert isinstance(b.type, VTensorType)
        factor = VTensorLiteralOp(_constant_like(b.type.to_builtin(), inverse), b.type)
        product = torch_op("aten.mul.Tensor", [a, factor.results[0]], [op.results[0].type])
    _replace(op, [factor, product])


def _constant_like(
    type_: Attribute, values: list[float]
) -> DenseIntOrFPElementsAttr[AnyFloat] | FloatAttr[AnyFloat]:
    if isa(type_, TensorType[AnyFloat]) or isa(type_, VectorType[AnyFloat]):
        return DenseIntOrFPElementsAttr.from_list(type_, values)
    assert isinstance(type_, AnyFloat)
    return FloatAttr(values[0], type_)


def _divide(op: Operation, defaults: Defaults) -> None:
    created: list[Operation] = []

    def add(made: Operation) -> SSAValue:
        created.append(made)
        return made.results[0]

    def builtin(value: SSAValue) -> SSAValue:
        return add(to_builtin_tensor(value)) if isinstance(value.type, VTensorType) else value

    a, b = op.operands[:2]
    final = op.results[0].type
    target = final.to_builtin() if isinstance(final, VTensorType) else final
    if isa(target, VectorType[Attribute]):
        raise OpError(op, f"vectors are not divided by tables: use keep={NAME}, or scalars")
    element = expressed_element(target)
    numerator, tops = numerator_storage(op, a, defaults)
    denominator, bottoms = denominator_storage(op, b, defaults)
    result = given_result(op.results[0], defaults)
    if result is None:
        result = quotient_storage(tops, bottoms, element, declared_result(op))
    x, y = (
        add(QuantizeCastOp(value, quantized_like(value.type, to)))
        for value, to in ((builtin(a), numerator), (builtin(b), denominator))
    )
    divide = DivideOp(x, y, quantized_like(target, result), reduce=leading_zero("reciprocal"))
    divide.attributes.update(row_declarations(op))
    if NUMERATOR not in divide.attributes and (values := constant_elements(a)) is not None:
        divide.attributes[NUMERATOR] = interval(float(values.min()), float(values.max()))
    divide.verify_()
    real = add(DequantizeCastOp(add(divide), target))
    if isinstance(final, VTensorType):
        add(from_builtin_tensor(real, final))
    _replace(op, created)


def _replace(op: Operation, created: list[Operation]) -> None:
    """Put ops, of which the last has the result, in the place of `op`."""
    copy_location(op, created)
    Rewriter.insert_op(created, InsertPoint.before(op))
    op.results[0].replace_all_uses_with(created[-1].results[0])
    Rewriter.erase_op(op)
