"""One float operator at work: its operands as integers and constants, and where code goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import AnyFloat, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.hints import isa

from lut_opt.dialects.assembly import Resources, constant_array
from lut_opt.dialects.quantization import Reals
from lut_opt.dialects.torch import (
    NOT_CONSTANT,
    Constant,
    VTensorLiteralOp,
    VTensorType,
    constant_value,
)
from lut_opt.passes.integer.code import Code
from lut_opt.passes.integer.real import NotIntegerError, Real, Shape
from lut_opt.passes.integer.shapes import reshaped

Reader = Mapping[SSAValue, Real]


def literal(value: SSAValue, resources: Resources) -> NDArray[Any] | None:
    """The elements of a constant tensor of any spelling, None for what is computed or not shown."""
    op = value.owner
    while isinstance(op, Operation) and op.name.startswith("torch_c."):
        op = op.operands[0].owner
    if isinstance(op, VTensorLiteralOp) or (
        isinstance(op, Operation) and op.name == "arith.constant"
    ):
        attribute = op.value if isinstance(op, VTensorLiteralOp) else op.properties.get("value")
        return constant_array(attribute, resources)
    return None


def tensor_shape(value: SSAValue) -> Shape | None:
    """Sizes of a tensor, −1 where dynamic; None for what is no tensor of known rank."""
    kind = value.type
    if isinstance(kind, VTensorType):
        return kind.shape
    if isa(kind, TensorType[Attribute]):
        return tuple(kind.get_shape())
    return None


class Site:
    """What a rule asks of one operator."""

    def __init__(self, op: Operation, values: Reader, resources: Resources) -> None:
        self.op = op
        self.code = Code(op)
        self.values = values
        self.resources = resources

    @property
    def shape(self) -> Shape:
        """Of the result."""
        shape = tensor_shape(self.op.results[0])
        if shape is None:
            raise NotIntegerError("its result has no known rank")
        return shape

    def operand(self, index: int) -> SSAValue:
        """An operand; NotIntegerError for one that is not there."""
        if index >= len(self.op.operands):
            raise NotIntegerError(f"operand {index} is missing")
        return self.op.operands[index]

    def real(self, index: int, rank: int | None = None) -> Real:
        """A tensor or scalar operand as integers or constants, with axes in front up to `rank`."""
        value = self.operand(index)
        real = self.values.get(value)
        if real is None:
            array = self.array(index)
            if array is None:
                raise NotIntegerError("an operand comes from floats: quantize it")
            real = Real(array.shape, constant=array)
        return real if rank is None else self.aligned(real, rank)

    def is_real(self, index: int) -> bool:
        """Whether an operand is made of integers."""
        real = self.values.get(self.operand(index))
        return real is not None and not real.is_constant

    def array(self, index: int) -> Reals | None:
        """A constant operand: a scalar, or a tensor of floats."""
        value = self.operand(index)
        number = constant_value(value)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return np.asarray(float(number))
        known = self.values.get(value)
        if known is not None and known.is_constant:
            return known.constant
        array = literal(value, self.resources)
        return None if array is None else array.astype(np.float64)

    def constant(self, index: int) -> Constant:
        """The Python value of a scalar, list or string operand; NotIntegerError if computed."""
        value = constant_value(self.operand(index))
        if value is NOT_CONSTANT:
            raise NotIntegerError(f"operand {index} is not constant")
        return value

    def integer(self, index: int) -> int:
        """An integer constant."""
        value = self.constant(index)
        if isinstance(value, int):
            return int(value)
        raise NotIntegerError(f"operand {index} is {value}, not an integer")

    def integers(self, index: int) -> list[int]:
        """A list of integer constants."""
        value = self.constant(index)
        if isinstance(value, list) and all(isinstance(each, int) for each in value):
            return [int(cast(int, each)) for each in value]
        raise NotIntegerError(f"operand {index} is {value}, not a list of integers")

    def integers_or_none(self, index: int) -> list[int] | None:
        """A list of integer constants, None for one that is not there."""
        if index >= len(self.op.operands) or not isinstance(self.constant(index), list):
            return None
        return self.integers(index)

    def axis(self, index: int, rank: int) -> int:
        """An axis, counted from the front."""
        return self.integer(index) % max(rank, 1)

    def aligned(self, real: Real, rank: int) -> Real:
        """The same value with axes of size 1 in front."""
        missing = rank - len(real.shape)
        return real if missing <= 0 else reshaped(self.code, real, (1,) * missing + real.shape)

    def builtin(self, index: int) -> SSAValue:
        """An operand as a builtin tensor."""
        value = self.operand(index)
        return self.code.builtin(value) if isinstance(value.type, VTensorType) else value


Rule = Callable[[Site], Real]
"""What an operator makes of its operands. NotIntegerError says why it cannot."""


def float_element(value: SSAValue) -> AnyFloat | None:
    """The float that a tensor holds, None for any other value."""
    kind: Any = value.type
    element = kind.dtype if isinstance(kind, VTensorType) else getattr(kind, "element_type", None)
    return element if isinstance(element, AnyFloat) else None
