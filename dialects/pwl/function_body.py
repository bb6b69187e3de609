"""A `func.func` of `arith` and `math` as a real function that a table can approximate."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Any

import numpy as np
from xdsl.dialects import arith, func, math
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.ir import Operation, SSAValue
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import VerifyException

from lut_opt.dialects.pwl.attributes import FnAttr
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.ops import ApplyOp
from lut_opt.dialects.quantization import Reals

Values = Any
"""A NumPy array: float64, or bool for the result of a comparison."""


def _multiply_add(a: Values, b: Values, c: Values) -> Values:
    return a * b + c


_EVALUATE: dict[type[Operation], Callable[..., Values]] = {
    arith.AddfOp: np.add,
    arith.SubfOp: np.subtract,
    arith.MulfOp: np.multiply,
    arith.DivfOp: np.divide,
    arith.NegfOp: np.negative,
    arith.MaximumfOp: np.maximum,
    arith.MinimumfOp: np.minimum,
    arith.MaxnumfOp: np.fmax,
    arith.MinnumfOp: np.fmin,
    arith.SelectOp: np.where,
    arith.AndIOp: np.logical_and,
    arith.OrIOp: np.logical_or,
    arith.XOrIOp: np.logical_xor,
    # The function is approximated in the reals, so a change of format is no operation.
    arith.ExtFOp: np.positive,
    arith.TruncFOp: np.positive,
    math.AbsFOp: np.abs,
    math.Atan2Op: np.arctan2,
    math.CbrtOp: np.cbrt,
    math.CeilOp: np.ceil,
    math.CopySignOp: np.copysign,
    math.FloorOp: np.floor,
    math.FmaOp: _multiply_add,
    math.PowFOp: np.power,
    math.RoundEvenOp: np.rint,
    math.TruncOp: np.trunc,
    **{
        op: function.evaluate
        for op in math.Math.operations
        for operator, function in FUNCTIONS.called(op.name)
        if not operator.constants
    },
}

SCALAR_OPS = frozenset((*_EVALUATE, arith.CmpfOp))
"""What the body of a function may compute with, besides constants."""

# Ordered predicates by MLIR's number; their unordered twins are numbered seven higher.
_ORDERED = {1: np.equal, 2: np.greater, 3: np.greater_equal, 4: np.less, 5: np.less_equal,
            6: np.not_equal}  # fmt: skip


class FunctionBody:
    """
    The real function that a `func.func` of straight-line `arith` and `math` computes.

    Evaluated in double precision whatever float type the body names. Raises VerifyException if the
    body holds an op without a real meaning.
    """

    def __init__(self, op: func.FuncOp):
        self.op = op
        self.name = op.sym_name.data
        if len(op.body.blocks) != 1:
            raise VerifyException(f"@{self.name} must have a body of one block, without branches")
        for inner in op.body.block.ops:
            if type(inner) not in SCALAR_OPS and not isinstance(
                inner, arith.ConstantOp | func.ReturnOp
            ):
                raise VerifyException(
                    f"@{self.name} holds {inner.name}, which has no table meaning: "
                    "use arith on floats and math"
                )

    def __call__(self, x: Reals) -> Reals:
        """Values in double precision; NaN or infinity where the function has none."""
        last = self.op.body.block.last_op
        if not isinstance(last, func.ReturnOp):
            raise VerifyException(f"@{self.name} returns nothing")
        return self.value(last.operands[0], x)

    def value(self, wanted: SSAValue, x: Reals) -> Reals:
        """A value inside the body, likewise."""
        values: dict[SSAValue, Values] = {self.op.body.block.args[0]: np.asarray(x, np.float64)}
        with np.errstate(all="ignore"):
            for op in self.op.body.block.ops:
                if wanted in values:
                    break
                values[op.results[0]] = _evaluate(op, [values[v] for v in op.operands])
        return np.broadcast_to(values[wanted], np.shape(x)).astype(np.float64)

    def __eq__(self, other: object) -> bool:
        """Whether two bodies compute the same in the same way, whatever their names."""
        return isinstance(other, FunctionBody) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple[Hashable, ...]:
        numbers: dict[SSAValue, int] = {self.op.body.block.args[0]: 0}
        rows: list[Hashable] = [self.op.function_type]
        for op in self.op.body.block.ops:
            # The compare's number and the constant's value are properties, printed or not.
            properties = frozenset(op.properties.items())
            rows.append((op.name, properties, tuple(numbers[value] for value in op.operands)))
            numbers.update((result, len(numbers)) for result in op.results)
        return tuple(rows)

    def is_defined(self, x: Reals) -> Any:
        """Boolean mask: where the body comes out finite."""
        return np.isfinite(self(x))


def _evaluate(op: Operation, operands: list[Values]) -> Values:
    if isinstance(op, arith.ConstantOp):
        value = op.value
        if not isinstance(value, FloatAttr | IntegerAttr):
            raise VerifyException("a constant in a function body must be a scalar")
        return np.asarray(value.value.data)
    if isinstance(op, arith.CmpfOp):
        return _compare(op.predicate.value.data, *operands)
    return _EVALUATE[type(op)](*operands)


def _compare(predicate: int, lhs: Values, rhs: Values) -> Values:
    if predicate in (0, 15):
        return np.full(np.broadcast(lhs, rhs).shape, predicate == 15)
    unordered = np.isnan(lhs) | np.isnan(rhs)
    if predicate <= 7:
        ordered = True if predicate == 7 else _ORDERED[predicate](lhs, rhs)
        return ordered & ~unordered
    return unordered if predicate == 14 else _ORDERED[predicate - 7](lhs, rhs) | unordered


def real_function(op: ApplyOp) -> Any:
    """The function that a `pwl.apply` approximates: callable, with `name` and `is_defined`."""
    if isinstance(op.function, FnAttr):
        return op.function.data
    callee = SymbolTable.lookup_symbol(op, op.function)
    if not isinstance(callee, func.FuncOp):
        raise VerifyException(f"symbol @{op.function.string_value()} names no func.func: define it")
    return FunctionBody(callee)


def erase_private_functions(module: ModuleOp, names: AbstractSet[str]) -> None:
    """Erase the private functions of these names that nothing refers to any more."""
    used = {
        attribute.root_reference.data
        for op in module.walk()
        for attribute in (*op.attributes.values(), *op.properties.values())
        if isinstance(attribute, SymbolRefAttr)
    }
    for op in list(module.ops):
        if not isinstance(op, func.FuncOp) or op.sym_visibility != StringAttr("private"):
            continue
        if op.sym_name.data in names - used:
            op.detach()
            op.erase()
