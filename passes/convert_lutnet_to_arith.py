"""The pass `convert-lutnet-to-arith`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass


@dataclass(frozen=True)
class ConvertLutnetToArithPass(ModulePass):
    """
    Lower weightless blocks to `linalg.generic` of integer arithmetic.

    Quantized types stay at both ends of a block, behind `quant.scast`: run `convert-pwl-to-arith`
    afterwards, which takes them away in the whole module.

    Before:   %c = lutnet.layer %b luts <connections = [[0, 1]], tables = [0x8]>
                : tensor<64x2xi1> -> tensor<64x1xi1>
    After:    %c = linalg.generic … arith.xori, arith.andi on words of 64 tokens
    Ensures:  no `lutnet` op is left.
    """

    name = "convert-lutnet-to-arith"

    layout: Literal["auto", "gather", "words"] = "auto"
    """A byte for each bit and a gather for each LUT and token; words that hold a bit of 64 tokens,
    which are computed on at once; or words where there are enough tokens."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert the whole module."""
        from lut_opt.passes.arith.networks import convert

        convert(op, self.layout)
