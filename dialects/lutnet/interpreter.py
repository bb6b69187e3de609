"""
Run `lutnet` ops in xDSL's interpreter, by their own semantics; tensors are `ShapedArray`s.

    interpreter.register_implementations(LutnetFunctions())
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects.builtin import i1
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.interpreters.shaped_array import ShapedArray
from xdsl.interpreters.utils.ptr import TypedPtr

from lut_opt.dialects.lutnet.network import Bits
from lut_opt.dialects.lutnet.ops import EncodeOp, LayerOp, PopcountOp, ReadoutOp, SumOp
from lut_opt.dialects.pwl.interpreter import read_stored, write_stored


def _bits(value: ShapedArray[Any]) -> Bits:
    return (np.asarray(value.data, np.int64) & 1).astype(np.bool_).reshape(value.shape)


def _shaped_bits(bits: Bits) -> ShapedArray[int]:
    data = TypedPtr[int].new(bits.reshape(-1).astype(int).tolist(), xtype=i1)
    return ShapedArray(data, list(bits.shape))


def _read_out(op: ReadoutOp, args: tuple[Any, ...]) -> PythonValues:
    stored = op.total.evaluate(_bits(args[0]), op.quantization)
    return (write_stored(stored, op.result.type),)


@register_impls
class LutnetFunctions(InterpreterFunctions):
    """Every operation through the semantics of `network.py`."""

    @impl(EncodeOp)
    def run_encode(
        self, interpreter: Interpreter, op: EncodeOp, args: tuple[Any, ...]
    ) -> PythonValues:
        """Compare stored integers with the thresholds."""
        stored = read_stored(args[0], op.quantization)
        return (_shaped_bits(op.thresholds.data.evaluate(stored)),)

    @impl(LayerOp)
    def run_layer(
        self, interpreter: Interpreter, op: LayerOp, args: tuple[Any, ...]
    ) -> PythonValues:
        """Look every table up."""
        return (_shaped_bits(op.luts.data.evaluate(_bits(args[0]))),)

    @impl(PopcountOp)
    def run_popcount(
        self, interpreter: Interpreter, op: PopcountOp, args: tuple[Any, ...]
    ) -> PythonValues:
        """Count set bits."""
        return _read_out(op, args)

    @impl(SumOp)
    def run_sum(self, interpreter: Interpreter, op: SumOp, args: tuple[Any, ...]) -> PythonValues:
        """Add up what the set bits weigh."""
        return _read_out(op, args)
