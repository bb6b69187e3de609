"""
Run `pwl` and `quant` ops in xDSL's interpreter.

    interpreter = Interpreter(module)
    interpreter.register_implementations(PwlFunctions())
    interpreter.call_op("main", (3,))

Scalars are Python ints and floats; tensors, vectors and memrefs are `ShapedArray`s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import AnyFloat, IntegerType
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.interpreters.shaped_array import ShapedArray
from xdsl.interpreters.utils.ptr import TypedPtr
from xdsl.ir import Attribute
from xdsl.utils.exceptions import InterpretationError
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl.dialect import PWL
from lut_opt.dialects.pwl.ops import ApplyOp
from lut_opt.dialects.pwl.unit_ops import UnitOp
from lut_opt.dialects.quant import (
    DequantizeCastOp,
    QuantizeCastOp,
    StorageCastOp,
    UniformQuantizedType,
    element_type,
)
from lut_opt.dialects.quantization import Integers, Quantization, Reals


def _map(value: Any, element: Attribute, function: Callable[[Sequence[Any]], list[Any]]) -> Any:
    """Apply a function of many elements to a scalar or a ShapedArray."""
    array = cast(ShapedArray[Any] | int | float, value)
    if not isinstance(array, ShapedArray):
        return function([array])[0]
    assert isa(element, IntegerType) or isinstance(element, AnyFloat)
    data = TypedPtr[Any].new(function(array.data), xtype=element)
    return ShapedArray(data, list(array.shape))


def _storage(type_: Attribute) -> tuple[UniformQuantizedType, IntegerType]:
    element = element_type(type_)
    assert isinstance(element, UniformQuantizedType)
    return element, element.storage_type


def _read(values: Sequence[Any], storage: Quantization) -> Integers:
    """Stored integers of signless ones; xDSL's interpreter holds those as signed."""
    q = np.asarray(values, np.int64)
    return q if storage.signed else q & ((1 << storage.bits) - 1)


def _write(q: Integers, storage: Quantization) -> list[int]:
    """Signless integers, in the signed form of xDSL's interpreter."""
    half = 1 << (storage.bits - 1)
    return ((q + half) % (2 * half) - half).tolist()


def _reals(values: Sequence[Any]) -> Reals:
    return np.asarray(values, np.float64)


def read_stored(value: ShapedArray[Any], storage: Quantization) -> Integers:
    """Stored integers of a tensor."""
    return _read(value.data, storage).reshape(value.shape)


def _any_array(value: ShapedArray[Any] | int, storage: Quantization) -> Integers:
    """Stored integers of a tensor, or of a scalar as an array without axes."""
    if isinstance(value, ShapedArray):
        return read_stored(value, storage)
    return _read([value], storage).reshape(())


def write_stored(q: Integers, type_: Attribute) -> ShapedArray[Any]:
    """Stored integers as a tensor of a type."""
    quantized, element = _storage(type_)
    values = _write(q.reshape(-1), quantized.quantization)
    return ShapedArray(TypedPtr[Any].new(values, xtype=element), list(q.shape))


def _run_unit(op: UnitOp, args: tuple[Any, ...]) -> PythonValues:
    """A unit through its own semantics."""
    unit = op.unit()
    storages = (unit.operand, *unit.parameters.values())
    q = [_any_array(value, by) for value, by in zip(args, storages, strict=True)]
    y = unit.evaluate(*q, axes=op.row_axes)
    if isinstance(op.result.type, UniformQuantizedType):
        return (_write(y.reshape(1), unit.result)[0],)
    return (write_stored(y, op.result.type),)


_Units = type(
    "_Units",
    (InterpreterFunctions,),
    {
        f"run_{op.name}": impl(op)(lambda functions, interpreter, op, args: _run_unit(op, args))
        for op in PWL.operations
        if issubclass(op, UnitOp)
    },
)
"""Every unit op of the dialect runs by its own semantics."""


@register_impls
class PwlFunctions(_Units):
    """`pwl.apply` through the table's own semantics, and the casts around it."""

    @impl(ApplyOp)
    def run_apply(
        self, interpreter: Interpreter, op: ApplyOp, args: tuple[Any, ...]
    ) -> PythonValues:
        """Look the table up; a `pwl.apply` without one cannot run."""
        if op.table is None:
            raise InterpretationError("pwl.apply has no table: run --pwl-search first")
        table, operand, result = op.table.data, op.input_quantization, op.result_quantization
        reduced = None if op.reduce is None else op.reduced()

        def evaluate(values: Sequence[Any]) -> list[int]:
            q = _read(values, operand)
            outside = (q < operand.minimum) | (q > operand.maximum)
            if outside.any():
                raise InterpretationError(
                    f"{q[outside][0]} is no stored input: [{operand.minimum}, {operand.maximum}]"
                )
            y = table.evaluate(q, result) if reduced is None else reduced.evaluate(q)
            return _write(y, result)

        _, element = _storage(op.result_type)
        if op.output is None:
            return (_map(args[0], element, evaluate),)
        source, destination = args
        for position, value in zip(source.indices(), evaluate(source.data), strict=True):
            destination.store(position, value)
        return ()

    @impl(QuantizeCastOp)
    def run_qcast(
        self, interpreter: Interpreter, op: QuantizeCastOp, args: tuple[Any, ...]
    ) -> PythonValues:
        """Round to nearest even and saturate."""
        quantized, element = _storage(op.result.type)
        to = quantized.quantization
        return (_map(args[0], element, lambda x: _write(to.quantize(_reals(x)), to)),)

    @impl(DequantizeCastOp)
    def run_dcast(
        self, interpreter: Interpreter, op: DequantizeCastOp, args: tuple[Any, ...]
    ) -> PythonValues:
        """The reals that stored integers stand for."""
        quantized, _ = _storage(op.input.type)
        by = quantized.quantization
        element = element_type(op.result.type)
        return (_map(args[0], element, lambda q: by.dequantize(_read(q, by)).tolist()),)

    @impl(StorageCastOp)
    def run_scast(
        self, interpreter: Interpreter, op: StorageCastOp, args: tuple[Any, ...]
    ) -> PythonValues:
        """The same integers under another type."""
        return args
