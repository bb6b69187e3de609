"""
What is left in floating point of a module: operators that no table and no unit replaces.

    left = remaining_nonlinear(module)      # of the torch dialect, linalg, or plain math and arith

Counted as left is whatever needs more than additions, multiplications, comparisons and roundings:
elementary functions, roots, divisions, everything that PyTorch builds from them, and every operator
on floats whose name nothing here knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from xdsl.dialects.builtin import MemRefType, ModuleOp, SymbolRefAttr
from xdsl.dialects.func import FuncOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.assembly import describe_location
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.torch import is_float
from lut_opt.passes.recognize.linear import is_linear
from lut_opt.passes.recognize.names import named_ops, operator_name
from lut_opt.passes.support.declarations import KEPT, NUMERATOR, RANGE

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


_DIVISIONS = frozenset(
    (
        *("arith.divf", "linalg.div", "stablehlo.divide", "chlo.broadcast_divide"),
        *(f"torch.aten.{n}.{of}" for n in ("div", "div_", "divide") for of in ("Tensor", "Scalar")),
        *(f"torch.aten.true_divide.{of}" for of in ("Tensor", "Scalar")),
    )
)
"""Linear, if the second operand is a constant."""


def remaining_nonlinear(module: ModuleOp) -> list[Remaining]:
    """
    Every floating-point non-linear operator of a module, in program order.

    Bodies of functions that a `pwl.apply` names say what a table approximates, and do not count.
    """
    constants: set[SSAValue] = set()
    found: list[Remaining] = []
    for op in computing_ops(module):
        _note_constants(op, constants)
        if (kind := _kind(op, constants)) is not None:
            place, kept = describe_location(op), KEPT in op.attributes
            constant = all(operand in constants for operand in op.operands)
            found.append(Remaining(op, operator_name(op), place, kind, kept, constant))
    return found


def unused_ranges(module: ModuleOp) -> Iterator[tuple[Operation, str]]:
    """Ops that are declared a range which no table takes, each with the attribute's name."""
    for op in computing_ops(module):
        if not op.name.startswith("pwl.") and KEPT not in op.attributes:
            yield from ((op, name) for name in (RANGE, NUMERATOR) if name in op.attributes)


def computing_ops(module: ModuleOp) -> Iterator[Operation]:
    """The ops that a run of the module executes: not those that say what a table approximates."""
    named = {
        op.function.string_value()
        for op in module.walk()
        if isinstance(op, ApplyOp) and isinstance(op.function, SymbolRefAttr)
    }
    for top in module.body.ops:
        if not isinstance(top, FuncOp) or top.sym_name.data not in named:
            yield from named_ops(top)


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
    name = operator_name(op)
    if not _is_function_of_floats(op):
        return None
    if name in _DIVISIONS and len(op.operands) > 1:
        # A number that only a run tells divides alike whatever the tensor holds.
        linear = op.operands[1] in constants or name.endswith(".Scalar")
        return "division by a constant" if linear else "function"
    return None if is_linear(name) and not FUNCTIONS.called(name) else "function"


def _is_function_of_floats(op: Operation) -> bool:
    """Whether it makes floats of floats, or works on memories that hold them."""
    operands = [value for value in op.operands if is_float(value.type)]
    if op.results:
        return bool(operands) and any(is_float(value.type) for value in op.results)
    return any(isinstance(value.type, MemRefType) for value in operands)
