"""Which ops work element by element on floats, and their formulas in scalar `arith` and `math`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    ShapedType,
    i1,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.hints import isa

from lut_opt.dialects.foreign import foreign_number
from lut_opt.dialects.pwl import NamedFunction
from lut_opt.dialects.pwl.function_body import SCALAR_OPS
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.ops import Shaped
from lut_opt.dialects.quant import element_type
from lut_opt.dialects.torch import (
    VTensorLiteralOp,
    VTensorType,
    constant_value,
    is_float,
    torch_name,
)
from lut_opt.passes.fuse.foreign_formulas import FOREIGN_SUMS, foreign_formula
from lut_opt.passes.fuse.terms import Term
from lut_opt.passes.fuse.torch_formulas import COMPARISONS, TORCH_FORMULAS
from lut_opt.passes.recognize.functions import recognize
from lut_opt.passes.recognize.names import operator_name
from lut_opt.passes.recognize.powers import whole_power
from lut_opt.passes.support.diagnostics import OpError

Weight = Literal["linear", "cheap", "power", "non-linear"]
"""
Whether an op is worth a table: not at all, not for itself (products, selections), only on integers
(small whole powers, which are products), or yes.
"""


@dataclass(frozen=True)
class Elementwise:
    """An op whose result holds the `formula` of the elements of `operands`, all of one shape."""

    op: Operation
    operands: tuple[SSAValue, ...]
    formula: Callable[[Sequence[Term]], Term]
    function: NamedFunction | None = None
    """The registry's function, if the op has a name of its own there."""
    inputs: tuple[SSAValue, ...] = ()
    """The operands that are not constants."""

    @cached_property
    def weight(self) -> Weight:
        """What a table would save."""
        name = operator_name(self.op)
        divides = name in _DIVISIONS or isinstance(self.op, arith.DivfOp)
        if self.function is not None and whole_power(self.function) is not None:
            return "power"
        if self.function is not None or type(self.op) in _COSTLY:
            return "non-linear"
        if divides and self.operands[1] in self.inputs:
            return "non-linear"
        sums = name in FOREIGN_SUMS or _name(self.op) in _SUMS or type(self.op) in _SUMS
        return "cheap" if len(self.inputs) > 1 and not sums else "linear"


class Uniform:
    """
    Whether a value holds one and the same constant, computed or not, in every element.

    What is found of a value is kept, so that asking for all values of a module takes one walk.
    """

    def __init__(self) -> None:
        self._known: dict[SSAValue, bool] = {}

    def __call__(self, value: SSAValue) -> bool:
        work = [value]
        while work:
            top = work[-1]
            operands = self._operands(top)
            unknown = [operand for operand in operands or () if operand not in self._known]
            if unknown and top not in self._known:
                self._known[top] = False  # as long as it is open: no constant is made of itself
                work += unknown
                continue
            work.pop()
            self._known[top] = operands is not None and all(map(self._known.get, operands))
        return self._known[value]

    def _operands(self, value: SSAValue) -> tuple[SSAValue, ...] | None:
        """What a constant is computed from, None for what is none."""
        if number_of(value) is not None:
            return ()
        op = value.owner
        if not isinstance(op, Operation) or len(op.results) != 1:
            return None
        rule = _rule(op)
        return None if rule is None else rule.operands


def elementwise(op: Operation, is_uniform: Uniform) -> Elementwise | None:
    """The op as an element-wise one; None if it is not, changes a format or has odd parameters."""
    if len(op.results) != 1 or (shape := _shape(op.results[0].type)) is None:
        return None
    found = _rule(op)
    if found is None:
        return None
    inputs = tuple(value for value in found.operands if not is_uniform(value))
    fits = all(_shape(value.type) == shape for value in inputs)
    return replace(found, inputs=inputs) if fits else None


def number_of(value: SSAValue) -> float | None:
    """The number that a constant holds in every element."""
    op = value.owner
    if not isinstance(op, VTensorLiteralOp | arith.ConstantOp):
        return foreign_number(value) if is_float(value.type) else None
    match op.value:
        case DenseIntOrFPElementsAttr() as dense if isinstance(dense.get_element_type(), AnyFloat):
            splat = len(dense) > 0 and dense.is_splat()
            return float(np.asarray(dense.get_values(), np.float64)[0]) if splat else None
        case FloatAttr() as number:
            return number.value.data
        case _:
            return None


def _shape(type_: Attribute) -> tuple[int, ...] | None:
    """The shape of floats or of i1, None for other elements and where it is not known."""
    if isinstance(type_, VTensorType):
        return type_.shape if _is_element(type_.dtype) else None
    if isinstance(type_, ShapedType) and isa(type_, Shaped):
        return tuple(type_.get_shape()) if _is_element(type_.get_element_type()) else None
    return () if _is_element(type_) else None


def _is_element(type_: Attribute | None) -> bool:
    return isinstance(type_, AnyFloat) or type_ == i1


def _rule(op: Operation) -> Elementwise | None:
    """What an op computes of the elements of its operands, whatever their shapes."""
    if type(op) in SCALAR_OPS:
        return _scalar(op)
    if (found := _recognized(op)) is not None:
        function, operand = found
        named, parameters = FUNCTIONS[function.function], function.parameters
        return Elementwise(op, (operand,), lambda x: named.write(x[0], *parameters), function)
    return _torch(op) or _foreign(op)


def _foreign(op: Operation) -> Elementwise | None:
    """One of the cheap operators of StableHLO and TOSA."""
    found = foreign_formula(op)
    if found is None or len(op.operands) < found[0]:
        return None
    count, formula = found
    return Elementwise(op, tuple(op.operands[:count]), formula)


def _scalar(op: Operation) -> Elementwise | None:
    """An op of `arith` or `math`, on scalars or element-wise on what holds them."""
    # A change of format ends a chain, as a quantization does.
    if isinstance(op, arith.ExtFOp | arith.TruncFOp):
        return None
    formula = _ARITH.get(type(op)) or partial(_copy, op)
    found = _recognized(op)
    return Elementwise(op, tuple(op.operands), formula, found and found[0])


def _copy(op: Operation, terms: Sequence[Term]) -> Term:
    first, *others = terms
    result = i1 if element_type(op.results[0].type) == i1 else None
    return first.emit(type(op), *others, properties=op.properties, result=result)


def _torch(op: Operation) -> Elementwise | None:
    """One of the cheap operators of torch."""
    name = _name(op)
    if name not in TORCH_FORMULAS:
        return None
    count, formula = TORCH_FORMULAS[name]
    constants = [constant_value(operand) for operand in op.operands[count:]]
    if name == "aten.dropout" and constants[1] is not False:
        return None
    if name == "prims.convert_element_type" and op.operands[0].type != op.results[0].type:
        return None
    if not all(isinstance(value, int | float | None) for value in constants):
        return None
    if name not in COMPARISONS and _dtype(op.results[0]) == i1:
        return None

    def whole(tensors: Sequence[Term]) -> Term:
        # A truth value counts as a number, but where it chooses.
        first, *others = tensors
        head = first if name.startswith("aten.where") else first.as_float()
        return formula([head, *(x.as_float() for x in others)], constants)

    return Elementwise(op, tuple(op.operands[:count]), whole)


def _dtype(value: SSAValue) -> Attribute | None:
    return value.type.dtype if isinstance(value.type, VTensorType) else None


def _recognized(op: Operation) -> tuple[NamedFunction, SSAValue] | None:
    """The function of the registry that an op has a name for, and its operand."""
    try:
        found = recognize(op)
    except OpError:
        # Whoever lowers the op by itself says what is wrong with it.
        return None
    if (
        found is None
        or _name(op) in TORCH_FORMULAS
        or not isinstance(found.function, NamedFunction)
    ):
        return None
    return found.function, found.operand


def _name(op: Operation) -> str:
    return torch_name(op) or op.name


_ARITH: dict[type[Operation], Callable[[Sequence[Term]], Term]] = {
    arith.AddfOp: lambda x: x[0] + x[1],
    arith.SubfOp: lambda x: x[0] - x[1],
    arith.MulfOp: lambda x: x[0] * x[1],
    arith.DivfOp: lambda x: x[0] / x[1],
    arith.NegfOp: lambda x: -x[0],
}
"""Ops whose formulas know what is affine; the other ops of `arith` and `math` are copied."""

_DIVISIONS = ("torch.aten.div.Tensor", "stablehlo.divide")

_SUMS = (
    *("aten.add.Tensor", "aten.sub.Tensor", "aten.maximum", "aten.minimum"),
    *(arith.AddfOp, arith.SubfOp),
    *(arith.MaximumfOp, arith.MinimumfOp, arith.MaxnumfOp, arith.MinnumfOp),
)
"""Ops of two tensors that cost no more than those of one."""

_COSTLY = (math.Atan2Op, math.CbrtOp)
"""Functions that the registry has not, which pay in a chain all the same."""
