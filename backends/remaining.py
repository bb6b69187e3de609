"""
What is left in floating point of a module: operators that no table and no unit replaces.

    left = remaining_nonlinear(module)      # of the torch dialect, linalg, or plain math and arith

Counted as left is whatever needs more than additions, multiplications, comparisons and roundings:
elementary functions, roots, divisions, and everything that PyTorch builds from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr, UnregisteredOp
from xdsl.dialects.func import FuncOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.assembly import describe_location
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.torch import is_float, torch_name
from lut_opt.passes.support.declarations import KEPT

Kind = Literal["function", "division by a constant"]


@dataclass(frozen=True)
class Remaining:
    """
    One floating-point operator that no table replaces.

    A division by a compile-time constant is linear, and its own `kind`; `constant` says that all
    operands are compile-time constants, so that folding removes the operator.
    """

    op: Operation
    name: str
    location: str
    kind: Kind
    kept: bool
    constant: bool


_EXACT_MATH = frozenset(("absf", "ceil", "floor", "round", "roundeven", "trunc", "copysign", "fma"))
"""What a float unit without tables and division does; `isnan` and the like have no float result."""

_DIVISIONS = frozenset(("div", "true_divide", "divide", "floor_divide", "remainder", "fmod"))

_FUNCTIONS = frozenset(
    """
    acos acosh asin asinh atan atan2 atanh cos cosh deg2rad erf erfc erfinv exp exp2 expm1 frexp
    hypot lgamma log log10 log1p log2 logaddexp logaddexp2 logcumsumexp logsumexp pow float_power
    reciprocal rsqrt sin sinc sinh sqrt square tan tanh xlogy
    celu elu gelu glu hardsigmoid hardswish leaky_relu log_sigmoid log_sigmoid_forward logit mish
    selu sigmoid silu softplus tanhshrink
    _log_softmax _safe_softmax _softmax log_softmax softmax
    _native_batch_norm_legit _native_batch_norm_legit_no_training _fused_rms_norm batch_norm
    group_norm instance_norm layer_norm native_batch_norm native_group_norm native_layer_norm
    rms_norm
    frobenius_norm linalg_norm linalg_vector_norm norm renorm std std_mean var var_mean
    _scaled_dot_product_attention_math _scaled_dot_product_flash_attention
    _scaled_dot_product_flash_attention_for_cpu scaled_dot_product_attention
    addcdiv cdist cosine_similarity gru lstm prod
    """.split()
)
"""Non-linear operators of `torch.aten` other than the divisions, without their overloads."""

_LINALG = frozenset(
    ("exp", "log", "sqrt", "rsqrt", "tanh", "erf", "reciprocal", "square", "powf", "softmax")
)


def remaining_nonlinear(module: ModuleOp) -> list[Remaining]:
    """
    Every floating-point non-linear operator of a module, in program order.

    Bodies of functions that a `pwl.apply` names say what a table approximates, and do not count.
    """
    named = {
        op.function.string_value()
        for op in module.walk()
        if isinstance(op, ApplyOp) and isinstance(op.function, SymbolRefAttr)
    }
    constants: set[SSAValue] = set()
    found: list[Remaining] = []
    for top in module.body.ops:
        if isinstance(top, FuncOp) and top.sym_name.data in named:
            continue
        for op in top.walk():
            _note_constants(op, constants)
            if (kind := _kind(op, constants)) is not None:
                place, kept = describe_location(op), KEPT in op.attributes
                constant = all(operand in constants for operand in op.operands)
                found.append(Remaining(op, _name(op), place, kind, kept, constant))
    return found


def _note_constants(op: Operation, constants: set[SSAValue]) -> None:
    """Follow compile-time constants through ops without regions and into `linalg.generic`."""
    if isinstance(op, GenericOp):
        arguments = op.body.block.args
        constants.update(
            argument
            for argument, value in zip(arguments, op.inputs, strict=False)
            if value in constants
        )
    elif not op.regions and all(operand in constants for operand in op.operands):
        constants.update(op.results)


def _kind(op: Operation, constants: set[SSAValue]) -> Kind | None:
    if not any(is_float(value.type) for value in op.results):
        return None
    name = op.op_name.data if isinstance(op, UnregisteredOp) else op.name
    dialect, _, rest = name.partition(".")
    division = False
    match dialect:
        case "math":
            return None if rest in _EXACT_MATH else "function"
        case "arith":
            division = rest in ("divf", "remf")
        case "tm_tensor":  # what torch-mlir makes of whole attention
            return "function" if rest in ("attention", "softmax") else None
        case "linalg":
            if rest in _LINALG:
                return "function"
            division = rest in ("div", "quantized_div")
        case "torch":
            base = (torch_name(op) or "").removeprefix("aten.").partition(".")[0]
            if base in _FUNCTIONS:
                return "function"
            division = base in _DIVISIONS
        case _:
            return None
    if not division:
        return None
    linear = op.operands[1] in constants and "rem" not in rest and "mod" not in rest
    return "division by a constant" if linear else "function"


def _name(op: Operation) -> str:
    if isinstance(op, UnregisteredOp):
        return op.op_name.data
    name = torch_name(op)
    return op.name if name is None else f"torch.{name}"


__all__ = ["Kind", "Remaining", "remaining_nonlinear"]
