"""The MLP of a small transformer in INT8, as numbers and as SystemVerilog of single neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from lut_opt.dialects.quantization import Integers

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Neurons:
    """A layer in INT8: weights (neurons, inputs), biases, shifts; then maybe a table."""

    weights: Integers
    bias: Integers
    shift: int
    result: float
    then: Integers | None

    def evaluate(self, q: Integers) -> Integers:
        """Stored results of stored inputs, of the scale `result`."""
        sums = (q @ self.weights.T + self.bias + ((1 << self.shift) >> 1)) >> self.shift
        stored = np.clip(sums, -128, 127)
        return stored if self.then is None else self.then[stored + 128]

    def verilog(self, neuron: int) -> str:
        """One neuron, its weights constants."""
        row, count = self.weights[neuron], self.weights.shape[1]
        width = int(np.abs(row).sum() * 128 + abs(self.bias[neuron]) + 1).bit_length() + 2
        terms = [
            f"$signed(x[{8 * i + 7}:{8 * i}]) * {'-' * bool(w < 0)}{width}'sd{abs(w)}"
            for i, w in enumerate(row.tolist())
            if w
        ]
        constant = int(self.bias[neuron]) + ((1 << self.shift) >> 1)
        terms.append(f"{'-' * (constant < 0)}{width}'sd{abs(constant)}")
        lines = [
            f"module neuron(input [{8 * count - 1}:0] x, output signed [7:0] y);",
            f"  wire signed [{width - 1}:0] sum = {' + '.join(terms)};",
            f"  wire signed [{width - 1}:0] s = sum >>> {self.shift};",
            "  wire signed [7:0] q = s > 127 ? 8'sd127 : s < -128 ? -8'sd128 : s[7:0];",
        ]
        if self.then is None:
            return "\n".join((*lines, "  assign y = q;", "endmodule\n"))
        cases = (f"8'd{q & 255}: t = 8'd{self.then[q + 128] & 255};" for q in range(-128, 128))
        body = ("  reg [7:0] t;", "  always @* case (q)", *cases, "endcase", "  assign y = t;")
        return "\n".join((*lines, *body, "endmodule\n"))


def neurons(linear: torch.nn.Linear, x: Floats, given: float, gelu: bool) -> Neurons:
    """A layer in INT8 whose inputs have the scale `given`; powers of two, from what it answers."""
    weights = cast(Any, linear.weight.detach()).double().numpy()
    bias = cast(Any, linear.bias.detach()).double().numpy()
    step = 2.0 ** np.ceil(np.log2(np.abs(weights).max() / 127))
    most = np.abs(x @ weights.T + bias).max()
    result = 2.0 ** np.ceil(np.log2(most / 127))
    shift = round(np.log2(result / (given * step)))
    if shift < 0:
        raise SystemExit("the MLP's results have finer steps than its products")
    values = np.arange(-128, 128) * result
    answers = cast(Any, torch.nn.functional.gelu(torch.tensor(values))).numpy()
    then = np.clip(np.rint(answers / result), -128, 127).astype(np.int64)
    integers = [np.rint(each).astype(np.int64) for each in (weights / step, bias / step / given)]
    return Neurons(*integers, shift, float(result), then if gelu else None)
