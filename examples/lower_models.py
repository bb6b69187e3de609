"""
Lower published transformers whole, and count what became of their non-linear operators.

A line a model: the operators that became tables or integer units, the tables and how many of them
differ, the seconds of lowering, searching, verifying and converting, and the floating-point
non-linear operators that are left: in the converted module, and after torch-mlir has taken the
rest of it to linalg. Divisions by compile-time constants are listed apart.

    python examples/lower_models.py                        every model, a few minutes
    python examples/lower_models.py --only swin-t --run    and its outputs against PyTorch's
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from columns import as_markdown, as_text
from minilm_demo import step
from published import MODELS
from xdsl.utils.exceptions import DiagnosticException

from lut_opt.backends import jit
from lut_opt.backends.remaining import Remaining, remaining_nonlinear
from lut_opt.backends.report.report import tables_of
from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.frontends.torch import calibrate, export_text
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

HEADER = ("model", "operators", "tables", "distinct", "seconds", "floats left", "cosine")


@dataclass(frozen=True)
class Row:
    """What one model gave; `left` is the listing of the module and of its linalg."""

    model: str
    operators: str
    tables: int
    distinct: int
    seconds: float
    left: tuple[Remaining, ...]
    cosine: float | None

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        cosine = "" if self.cosine is None else f"{self.cosine:.5f}"
        numbers = (str(self.tables), str(self.distinct), f"{self.seconds:.1f}")
        return (self.model, self.operators, *numbers, named(self.left) or "none", cosine)


def named(remaining: Sequence[Remaining]) -> str:
    """`2 × torch.aten.div.Tensor, …`; divisions by constants say so."""
    counts = Counter(r.name + ("" if r.kind == "function" else " by a constant") for r in remaining)
    return ", ".join(f"{n} × {name}" for name, n in counts.items())


def exported(name: str, depth: int | None) -> tuple[str, torch.nn.Module, Sequence[torch.Tensor]]:
    """A published model as text, calibrated on its example inputs."""
    torch.manual_seed(0)
    model, inputs = MODELS[name]() if depth is None else MODELS[name](depth=depth)
    calibration = calibrate(model, [inputs])
    return export_text(model, *inputs, calibration=calibration), model, inputs


def lower(program: Program, entries: int) -> tuple[Counter[str], list[object]]:
    """Convert a program to arithmetic, in place; its operators by function, and its tables."""
    ctx = context()
    for each in (
        LowerNonlinearToPwlPass(output_bits=16),
        PwlSearchPass(entries=entries, unit_bits=10),
        VerifyPwlPass(),
    ):
        each.apply(ctx, program.module)
    ops = [op for op in program.module.walk() if isinstance(op, ApplyOp | UnitOp)]
    operators = Counter(op.UNIT.name if isinstance(op, UnitOp) else op.function_name for op in ops)
    tables: list[object] = [table for op in ops for table in tables_of(op)]
    ConvertPwlToArithPass().apply(ctx, program.module)
    program.module.verify()
    return operators, tables


def measured(name: str, depth: int | None, entries: int, run: bool) -> Row:
    """Take one model through everything."""
    with step(f"{name}: exporting"):
        text, model, inputs = exported(name, depth)
    start = time.perf_counter()
    with step(f"{name}: lowering, searching, converting"):
        program = parse(text, name, context())
        operators, tables = lower(program, entries)
    seconds = time.perf_counter() - start
    with step(f"{name}: to linalg"):
        linalg = parse(jit.to_linalg(program), name, context(allow_unregistered=True))
    left = (*remaining_nonlinear(program.module), *remaining_nonlinear(linalg.module))
    cosine: float | None = None
    if run:
        with step(f"{name}: compiling and running"):
            cosine = agreement(program, model, inputs)
    listed = ", ".join(f"{function} {n}" for function, n in operators.most_common())
    return Row(name, listed, len(tables), len(set(tables)), seconds, left, cosine)


def agreement(program: Program, model: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> float:
    """Cosine of the compiled program's result and PyTorch's, over all their elements."""
    result = jit.compile(program)(*(tensor.numpy() for tensor in inputs))
    assert isinstance(result, np.ndarray)
    with torch.no_grad():
        wanted = model(*inputs).double().numpy().ravel()
    computed = result.astype(np.float64).ravel()
    return float(computed @ wanted / np.linalg.norm(computed) / np.linalg.norm(wanted))


def main() -> None:
    """Lower the models that are asked for, and print the table."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", action="append", choices=MODELS, metavar="NAME", help=", ".join(MODELS))
    add("--depth", type=int, help="layers (of each stage), instead of the published number")
    add("--entries", type=int, default=8, help="segments of each table (default: 8)")
    add("--run", action="store_true", help="also compile, run, and compare with PyTorch")
    add("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    gc.disable()  # as lut-opt does: nearly all that a run makes lives until its end
    rows, failed = [], False
    for name in options.only or MODELS:
        try:
            rows.append(measured(name, options.depth, options.entries, options.run).cells())
        except (DiagnosticException, ValueError) as error:  # about this model; the others go on
            print(f"{name}: {getattr(error, 'location', '')}: {error}", file=sys.stderr)
            failed = True
    print((as_markdown if options.markdown else as_text)(HEADER, rows))
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
