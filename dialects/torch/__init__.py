"""
The `torch` and `torch_c` dialects: what torch-mlir exports, in its own syntax.

Nothing here imports PyTorch. Every op `torch.x.y` is a `TorchOp`; those that no list names are
known to the contexts of `lut_opt.dialects.assembly`, where their class is made on first sight.

Example:

    if torch_name(op) == "aten.gelu" and constant_value(op.operands[1]) == "none":
        half = constant(0.5)
        scaled = torch_op("aten.mul.Scalar", [op.operands[0], half.results[0]], op.result_types)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.ir import Attribute, Dialect, Operation, SSAValue

from lut_opt.dialects.torch.constants import (
    NOT_CONSTANT,
    Constant,
    ConstantBoolOp,
    ConstantDeviceOp,
    ConstantFloatOp,
    ConstantIntOp,
    ConstantNoneOp,
    ConstantOp,
    ConstantStrOp,
    NotConstant,
    Scalar,
    TensorLiteralOp,
    VTensorLiteralOp,
    constant,
    constant_value,
)
from lut_opt.dialects.torch.control import CONTROL_OPS, OperatorOp
from lut_opt.dialects.torch.names import COMMON
from lut_opt.dialects.torch.ops import (
    OverwriteOp,
    PrintOp,
    ScalarConversionOp,
    TorchOp,
    TupleConstructOp,
    plain_op_class,
)
from lut_opt.dialects.torch.types import (
    TYPES,
    BoolType,
    FloatType,
    IntType,
    ListType,
    NoneType,
    NonValueTensorType,
    OptionalType,
    StrType,
    TupleType,
    VTensorType,
    is_float,
)

_OWN_SYNTAX: dict[str, type[Operation]] = {
    op.name: op
    for op in (
        ConstantBoolOp,
        ConstantDeviceOp,
        ConstantFloatOp,
        ConstantIntOp,
        ConstantNoneOp,
        ConstantStrOp,
        OverwriteOp,
        PrintOp,
        TensorLiteralOp,
        TupleConstructOp,
        VTensorLiteralOp,
        *CONTROL_OPS,
    )
}


def torch_op_class(name: str) -> type[Operation]:
    """The class of any op of the `torch` dialect: `torch_op_class("aten.gelu")`."""
    return _OWN_SYNTAX.get(f"torch.{name}") or plain_op_class(f"torch.{name}")


def torch_name(op: Operation) -> str | None:
    """
    The name of a torch op without its dialect (`aten.gelu`), None for an op of another dialect.

    An op by a name, `torch.operator "torch.my.op"`, answers with that name: `my.op`.
    """
    if isinstance(op, OperatorOp):
        return op.operator_name.removeprefix("torch.")
    return op.name.removeprefix("torch.") if op.name.startswith("torch.") else None


def torch_op(
    name: str,
    operands: Sequence[SSAValue],
    result_types: Sequence[Attribute],
    attributes: Mapping[str, Attribute] = {},
) -> Operation:
    """Build any op in default form: `torch_op("aten.tanh", [x], [x.type])`."""
    return torch_op_class(name).create(
        operands=operands, result_types=result_types, attributes=attributes
    )


def to_builtin_tensor(value: SSAValue[Attribute]) -> Operation:
    """`torch_c.to_builtin_tensor` of a `!torch.vtensor`; integers become signless."""
    if not isinstance(value.type, VTensorType):
        raise ValueError(f"{value.type} is not a !torch.vtensor")
    return plain_op_class("torch_c.to_builtin_tensor").create(
        operands=[value], result_types=[value.type.to_builtin()]
    )


def from_builtin_tensor(value: SSAValue, type: VTensorType | None = None) -> Operation:
    """`torch_c.from_builtin_tensor`, by default to the type that `VTensorType` chooses."""
    return plain_op_class("torch_c.from_builtin_tensor").create(
        operands=[value], result_types=[type or VTensorType.from_builtin(value.type)]
    )


TORCH = Dialect("torch", [*_OWN_SYNTAX.values(), *map(torch_op_class, COMMON)], TYPES)

TORCH_CONVERSION = Dialect(
    "torch_c",
    [
        plain_op_class(name)
        for name in (
            "torch_c.to_builtin_tensor",
            "torch_c.from_builtin_tensor",
            "torch_c.get_next_seed",
            *ScalarConversionOp.SIGNATURES,
        )
    ],
)

__all__ = [
    "NOT_CONSTANT",
    "TORCH",
    "TORCH_CONVERSION",
    "BoolType",
    "Constant",
    "ConstantBoolOp",
    "ConstantDeviceOp",
    "ConstantFloatOp",
    "ConstantIntOp",
    "ConstantNoneOp",
    "ConstantOp",
    "ConstantStrOp",
    "FloatType",
    "IntType",
    "ListType",
    "NonValueTensorType",
    "NoneType",
    "NotConstant",
    "OptionalType",
    "Scalar",
    "StrType",
    "TorchOp",
    "TupleType",
    "VTensorLiteralOp",
    "VTensorType",
    "constant",
    "constant_value",
    "from_builtin_tensor",
    "is_float",
    "to_builtin_tensor",
    "torch_name",
    "torch_op",
    "torch_op_class",
]
