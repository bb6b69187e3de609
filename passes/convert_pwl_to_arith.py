"""The pass `convert-pwl-to-arith`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from lut_opt.passes.arith.options import Select


@dataclass(frozen=True)
class ConvertPwlToArithPass(ModulePass):
    """
    Lower `pwl.apply` and the `quant` casts to integer arithmetic.

    Scalars become `arith`; tensors a `linalg.generic` of it; memrefs `scf.for` loops; vectors are
    unrolled lane by lane. Softmax and norms become reductions along the row, divisions a
    `linalg.generic` that broadcasts. Every quantized type of one scale becomes its storage integer,
    in signatures too; what has a scale for each channel stays for MLIR's own --lower-quant-ops.

    Before:   %y = pwl.apply #pwl.fn<leaky_relu, 5.0e-01> %x
                table #pwl.table<i8, breakpoints = [0], slopes = [1, 2], intercepts = [0, 0],
                                 result_shift = 1>
                : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
    After:    %0 = arith.cmpi sge, %x, %c0 : i8
              %slope = arith.select %0, %c2, %c1 : i8         … muli, addi, shrsi, trunci
    Requires: every `pwl` op has its tables.
    Ensures:  no `pwl` or `quant` op, no quantized type and no private body of a function is left,
              but for scales by channel.
    """

    name = "convert-pwl-to-arith"

    select: Select = "chain"
    """How the segment is found: a chain of compares, a balanced tree of selects (binary search),
    or no segments at all: one direct table of all results. `compare` and `search` are the former
    names of `chain` and `binary`."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert the whole module."""
        from lut_opt.passes.arith.conversion import convert

        convert(op, self.select)
