"""ONNX operators that PyTorch has, too: `torch.operator "onnx.Gelu"` as `torch.aten.gelu`."""

from __future__ import annotations

import math
from collections.abc import Collection

from xdsl.dialects.builtin import FloatAttr, FloatData, IntAttr, IntegerAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from lut_opt.dialects.torch import Scalar, VTensorType, torch_name
from lut_opt.passes.support.declarations import declarations
from lut_opt.passes.support.torch_builder import TorchBuilder, shape_of

_SAME = {
    name: name.lower()
    for name in (
        *("Tanh", "Sigmoid", "Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Mish", "HardSwish"),
        *("Sin", "Cos", "Tan", "Asin", "Acos", "Atan"),
        *("Sinh", "Cosh", "Asinh", "Acosh", "Atanh"),
    )
}
"""Operators of one tensor and no parameters."""

_SOFTMAX = {"Softmax": "softmax.int", "LogSoftmax": "log_softmax.int"}
"""Along one axis since opset 13; before, over all from that axis on."""


def replace_onnx(module: ModuleOp, keep: Collection[str]) -> None:
    """Write every such operator as PyTorch's, unless `keep` names it."""
    for op in list(module.walk()):
        name = torch_name(op) or ""
        if not name.startswith("onnx.") or name in keep or len(op.results) != 1:
            continue
        types = (op.results[0].type, *(value.type for value in op.operands))
        if len(types) > 1 and all(
            isinstance(t, VTensorType) and t.shape is not None for t in types
        ):
            _replace(op, name.removeprefix("onnx."))


def _replace(op: Operation, name: str) -> None:
    found = _parameters(op, name)
    if found is None and name == "LayerNormalization":
        _layer_norm(op)
    elif found is not None:
        target, constants = found
        build, shape = TorchBuilder(op), shape_of(op, op.results[0])
        y = build.tensor(target, [op.operands[0], *constants], shape, None, declarations(op))
        build.replace_by(y)


def _parameters(op: Operation, name: str) -> tuple[str, list[Scalar]] | None:
    """PyTorch's name for an operator, and its constants; None where it means another function."""
    alpha = _number(op, "alpha")
    match name:
        case "Gelu":
            return "gelu", [_word(op, "approximate", "none")]
        case "Softplus":
            return "softplus", [1.0, 20.0]
        case "Elu":
            return "elu", [1.0 if alpha is None else alpha, 1.0, 1.0]
        case "LeakyRelu":
            return "leaky_relu", [0.01 if alpha is None else alpha]
        case "HardSigmoid" if alpha is not None and math.isclose(alpha, 1 / 6, rel_tol=1e-5):
            return ("hardsigmoid", []) if _number(op, "beta") in (None, 0.5) else None
        case "Softmax" | "LogSoftmax" if (version := _opset(op)) is None or version >= 13:
            return _SOFTMAX[name], [int(_number(op, "axis") or 0) if _has_axis(op) else -1, None]
        case _:
            return (_SAME[name], []) if name in _SAME else None


def _layer_norm(op: Operation) -> None:
    """Rows are the axes from `axis` on, by default the last."""
    x, *affine = op.operands
    shape, axis = shape_of(op, x), _number(op, "axis")
    first = int(-1 if axis is None else axis) % max(len(shape), 1)
    epsilon, build = _number(op, "epsilon"), TorchBuilder(op)
    rows = build.ints([build.size(x, each) for each in range(first, len(shape))])
    gamma, beta = [*affine, None, None][:2]
    constants = [rows, gamma, beta, 1e-5 if epsilon is None else epsilon, False]
    build.replace_by(build.tensor("layer_norm", [x, *constants], shape, None, declarations(op)))


def _has_axis(op: Operation) -> bool:
    return "torch.onnx.axis" in op.attributes


def _number(op: Operation, key: str) -> float | None:
    match op.attributes.get(f"torch.onnx.{key}"):
        case FloatAttr(value=FloatData(data=number)) | IntegerAttr(value=IntAttr(data=number)):
            return number
        case _:
            return None


def _word(op: Operation, key: str, default: str) -> str:
    value = op.attributes.get(f"torch.onnx.{key}")
    return value.data if isinstance(value, StringAttr) else default


def _opset(op: Operation) -> int | None:
    """The version that the function around an op declares."""
    while (parent := op.parent_op()) is not None:
        if isinstance(parent, FuncOp):
            version = parent.attributes.get("torch.onnx_meta.opset_version")
            return version.value.data if isinstance(version, IntegerAttr) else None
        op = parent
    return None
