"""
A converted model in PyTorch, exactly: in float64 on the values of its integers.

Where all scales are powers of two, products, sums and scales are exact there, in any order, so this
*is* the arithmetic on integers with the scale after the sum. (Fake quantization in float32 is not:
its sums round, and in another order differently.) Biases are rounded to the accumulators' steps,
and non-linear operators are the NumPy semantics of the tables and units that the lowering made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.fx import Interpreter

from lut_opt.dialects.pwl import ApplyOp, RowExponentialsOp
from lut_opt.dialects.quant import element_type
from lut_opt.frontends.torch.graph import operator_name
from lut_opt.frontends.torch.operators import is_non_linear
from lut_opt.frontends.torch.qat.slots import Slot


class Exact(Interpreter):
    """Runs a model that PT2E converted, or that `qat` did: its slots are the trained units."""

    def __init__(self, model: Any, units: Iterable[Any] = ()) -> None:
        super().__init__(model, garbage_collect_values=False)
        self.units = iter(units)

    def run_node(self, n: Any) -> Any:
        slot = self.module.get_submodule(n.target) if n.op == "call_module" else None
        if isinstance(slot, Slot):
            y = slot.unit(*(x.double() for x in self.fetch_args_kwargs_from_env(n)[0]))
            # No power of two: behind the integers, and in the precision of the program.
            return y if slot.factor == 1.0 else (y.float() * slot.factor).double()
        name, target = operator_name(n), str(n.target)
        if "quantize_per_tensor" in target and "dequantize" not in target:
            x, scale, zero, low, high, dtype = self.fetch_args_kwargs_from_env(n)[0]
            return torch.clamp(torch.round(x.double() / scale) + zero, low, high).to(dtype)
        if is_non_linear(name) and not (name == "div.Tensor" and len(n.all_input_nodes) < 2):
            return self.unit(n)
        if name in ("linear", "conv2d") and len(n.args) > 2 and n.args[2] is not None:
            return self.with_bias(n)
        result = super().run_node(n)
        wide = isinstance(result, torch.Tensor) and result.is_floating_point()
        return result.double() if wide else result

    def with_bias(self, n: Any) -> Any:
        """A product and its bias, which is rounded to the steps of the accumulators."""
        (x, w, bias, *rest), keywords = self.fetch_args_kwargs_from_env(n)
        step = n.args[0].args[1] * self.env[n.args[1].args[1]].double()
        return n.target(x, w, torch.round(bias.double() / step) * step, *rest, **keywords)

    def unit(self, n: Any) -> Any:
        """A non-linear operator by the next unit's own semantics."""
        (x, *rest), _ = self.fetch_args_kwargs_from_env(n)
        op = next(self.units)
        if isinstance(op, ApplyOp):
            q = op.input_quantization.quantize(x.numpy())
            y = op.table.data.evaluate(q, op.result_quantization)
            return torch.tensor(op.result_quantization.dequantize(y))
        stored = [element_type(value.type).quantization for value in op.operands]
        tensors = [x, *(value for value in rest if isinstance(value, torch.Tensor))]
        q = [
            kind.quantize(value.detach().double().numpy())
            for kind, value in zip(stored, tensors, strict=True)
        ]
        axes = {"axes": op.row_axes} if isinstance(op, RowExponentialsOp) else {}
        return torch.tensor(op.result_quantization.dequantize(op.unit().evaluate(*q, **axes)))
