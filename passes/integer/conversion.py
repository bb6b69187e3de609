"""A whole module to integers between quantizations: what `convert-quantized-to-integer` does."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects.builtin import IntegerType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import Rewriter

from lut_opt.dialects.assembly import Resources, describe_location
from lut_opt.dialects.quant import (
    DequantizeCastOp,
    QuantizeCastOp,
    StorageCastOp,
    UniformQuantizedType,
)
from lut_opt.dialects.quantization import Quantization
from lut_opt.dialects.torch import (
    VTensorType,
    constant_value,
    from_builtin_tensor,
    torch_name,
)
from lut_opt.passes.arith.stored import storage
from lut_opt.passes.integer import lookups, moves, products, sums, windows
from lut_opt.passes.integer.code import Code
from lut_opt.passes.integer.real import NotIntegerError, Real, Term, zeros
from lut_opt.passes.integer.requantize import dequantize, requantize
from lut_opt.passes.integer.site import Rule, Site, float_element, literal, tensor_shape
from lut_opt.passes.quantize.given import quantized_source, quantized_user
from lut_opt.passes.recognize.floats import float_operators
from lut_opt.passes.recognize.names import operator_name
from lut_opt.passes.support.diagnostics import OpError, about

RULES: dict[str, Rule] = {
    **moves.RULES,
    **sums.RULES,
    **products.RULES,
    **lookups.RULES,
    **windows.RULES,
}
"""What each `torch.aten` operator makes of integers."""

_LIST = "torch.prim.ListConstruct"

_CASTS = ("torch_c.to_builtin_tensor", "torch_c.from_builtin_tensor")


class Conversion:
    """One function's walk: what each float value is in integers."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.values: dict[SSAValue, Real] = {}
        self.reasons: dict[Operation, str] = {}

    def run(self, block: Block) -> None:
        """Convert the ops of a block in place, and erase what nothing needs any more."""
        for op in list(block.ops):
            with about(op):
                self._visit(op)
        _erase_dead(block)

    def _visit(self, op: Operation) -> None:
        name = torch_name(op) or ""
        if _dequantizes(op):
            self._dequantized(op)
        elif _quantizes(op):
            self._quantized(op)
        elif op.name in _CASTS:
            if (real := self.values.get(op.operands[0])) is not None:
                self.values[op.results[0]] = real
        elif (rule := RULES.get(name.removeprefix("aten."))) is not None and _makes_floats(op):
            self._operator(op, rule)
        else:
            self._stays(op, "")

    def _operator(self, op: Operation, rule: Rule) -> None:
        try:
            self.values[op.results[0]] = rule(Site(op, self.values, self.resources))
        except NotIntegerError as error:
            self._stays(op, str(error))
        except ValueError as error:
            raise OpError(op, f"{op.name}: {error}") from error

    def _stays(self, op: Operation, reason: str) -> None:
        """A float operator that is left: its integer operands become floats."""
        if op.name == _LIST:
            return  # whoever reads the list asks for its elements
        for operand in op.operands:
            if isinstance(operand.owner, Operation) and operand.owner.name == _LIST:
                self._as_floats(operand.owner)
        self._as_floats(op)
        if reason:
            self.reasons[op] = reason

    def _as_floats(self, op: Operation) -> None:
        """Dequantize what an op reads and integers stand for."""
        for index, operand in enumerate(op.operands):
            real = self.values.get(operand)
            kind = float_element(operand)
            if real is None or kind is None or not real.terms or _is_dequantized(operand):
                continue
            try:
                value = dequantize(Code(op), real, kind)
            except NotIntegerError:
                continue
            if isinstance(operand.type, VTensorType):
                value = Code(op).insert(from_builtin_tensor(value, operand.type))
            op.operands[index] = value

    def _dequantized(self, op: Operation) -> None:
        """Stored integers, as what they stand for."""
        stored = op.operands[0]
        if not _holds_integers(stored) or (shape := tensor_shape(stored)) is None:
            return
        if (quantization := quantized_source(op.results[0])) is not None:
            scale = np.full((1,) * len(shape), quantization.scale)
            zero = zeros(len(shape)) + quantization.zero_point
            low, high = quantization.minimum, quantization.maximum
        elif (channels := self._channels(op, len(shape))) is not None:
            scale, zero, low, high = channels
        else:
            return
        code = Code(op)
        value, signed = _as_builtin(code, stored)
        data = literal(stored, self.resources)
        term = Term(value, tuple(shape), signed, low, high, scale, -zero, data)
        self.values[op.results[0]] = Real(tuple(shape), (term,))

    def _channels(self, op: Operation, rank: int) -> tuple[Any, Any, int, int] | None:
        """Scale, zero point and limits of `dequantize_per_channel`."""
        if "dequantize_per_channel" not in (torch_name(op) or "").split("."):
            return None
        if len(op.operands) < 6:
            return None
        scales, zeros_ = (literal(op.operands[i], self.resources) for i in (1, 2))
        axis, low, high = (constant_value(op.operands[i]) for i in (3, 4, 5))
        if scales is None:
            raise OpError(
                op,
                f"{op.name}: the module does not show the scales of its weights: export it with "
                "its weights (`{-# dialect_resources … #-}`)",
            )
        if zeros_ is None and isinstance(op.operands[2].type, VTensorType):
            return None
        if not (isinstance(axis, int) and isinstance(low, int) and isinstance(high, int)):
            return None
        along = tuple(-1 if a == axis % rank else 1 for a in range(rank))
        origin = np.zeros(1, np.int64) if zeros_ is None else zeros_.astype(np.int64)
        if np.any(scales <= 0) or not np.isfinite(scales).all():
            raise OpError(op, f"{op.name}: scales must be positive and finite")
        return (
            scales.reshape(along),
            origin.reshape(along if origin.size > 1 else (1,) * rank),
            low,
            high,
        )

    def _quantized(self, op: Operation) -> None:
        """Round what was followed so far; the quantization of an input stays."""
        to, real = quantized_user(op), self.values.get(op.operands[0])
        if to is None:
            self._stays(op, "its scale is not constant: quantize statically")
            return
        if real is None:
            array = literal(op.operands[0], self.resources)
            if array is None:
                return
            real = Real(array.shape, constant=array.astype(np.float64))
        code = Code(op)
        try:
            value = requantize(code, real, to)
        except ValueError as error:
            raise OpError(op, f"{op.name}: {error}") from error
        _replace(code, op, value, to)


def _replace(code: Code, op: Operation, value: SSAValue, to: Quantization) -> None:
    """Stored integers in the place of a quantizing op."""
    if isinstance(op, QuantizeCastOp):
        made = StorageCastOp(value, op.result.type)
    else:
        kind = op.results[0].type
        if not isinstance(kind, VTensorType):
            raise ValueError(f"{op.name} makes {kind}, which is no tensor of torch's")
        made = from_builtin_tensor(value, kind)
    op.results[0].replace_all_uses_with(code.insert(made))


def _as_builtin(code: Code, stored: SSAValue) -> tuple[SSAValue, bool]:
    """Stored integers as a builtin tensor, and whether they are signed."""
    kind: Any = stored.type
    if isinstance(kind, VTensorType):
        dtype: Any = kind.dtype
        signed = not str(dtype).startswith("ui")
        return code.builtin(stored), signed
    element = kind.element_type
    if isinstance(cast := stored.owner, StorageCastOp):
        return cast.input, bool(element.storage_signed)
    return code.insert(StorageCastOp(stored, storage(kind))), bool(element.storage_signed)


def _dequantizes(op: Operation) -> bool:
    if not op.operands or not op.results:
        return False
    words = (torch_name(op) or "").split(".")
    return isinstance(op, DequantizeCastOp) or any(
        word in ("dequantize", "dequantize_per_tensor", "dequantize_per_channel") for word in words
    )


def _quantizes(op: Operation) -> bool:
    if not op.operands or not op.results:
        return False
    words = (torch_name(op) or "").split(".")
    return isinstance(op, QuantizeCastOp) or any(
        word in ("quantize_per_tensor", "quantize_per_channel") for word in words
    )


def _is_dequantized(value: SSAValue) -> bool:
    op = value.owner
    while isinstance(op, Operation) and op.name in _CASTS:
        op = op.operands[0].owner
    return isinstance(op, Operation) and _dequantizes(op)


def _holds_integers(value: SSAValue) -> bool:
    kind: Any = value.type
    element = kind.dtype if isinstance(kind, VTensorType) else getattr(kind, "element_type", None)
    return isinstance(element, IntegerType | UniformQuantizedType)


def _makes_floats(op: Operation) -> bool:
    return any(float_element(value) is not None for value in op.results)


_DEAD = ("torch.", "torch_c.", "quant.", "arith.", "tensor.", "linalg.")


def _erase_dead(block: Block) -> None:
    """Erase what has no use and no effect, from the end."""
    for op in reversed(list(block.ops)):
        if op.results and op.name.startswith(_DEAD) and not any(r.uses for r in op.results):
            Rewriter.erase_op(op)


def convert(module: ModuleOp, resources: Resources) -> dict[Operation, str]:
    """Convert every function; why operators that have an integer form stay in floats."""
    reasons: dict[Operation, str] = {}
    for op in list(module.walk()):
        if isinstance(op, FuncOp) and not op.is_declaration:
            for block in op.body.blocks:
                conversion = Conversion(resources)
                conversion.run(block)
                reasons |= conversion.reasons
    return reasons


def refuse_floats(module: ModuleOp, reasons: dict[Operation, str]) -> None:
    """OpError with the place of every operator on floats between quantizations."""
    found = float_operators(module)
    if not found:
        return
    lines = [
        f"{describe_location(op)}: {operator_name(op)}: " + (reasons.get(op) or _ADVICE)
        for op in found
    ]
    number = f"{len(found)} operators are" if len(found) > 1 else "an operator is"
    raise OpError(found[0], f"{number} left in floating point: " + "; ".join(lines))


_ADVICE = "quantize what it reads, or give it a table with --lower-nonlinear-to-pwl"
