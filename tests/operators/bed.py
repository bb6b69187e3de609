"""
One module that calls many operators, a line each, taken from PyTorch to compiled code.

A cell is an operator on inputs of one element type, rank and distribution. It is met well if its
results are within `BOUND` of PyTorch's in double precision, if a warning names its line, or if it
is refused by a diagnostic; beyond `FINE` they are called coarse. Cells in which PyTorch itself, in
the element type, is not within half of that are no cells.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from xdsl.utils.exceptions import DiagnosticException

from lut_opt.backends import jit
from lut_opt.backends.errors import JitError
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.quantization import Reals
from lut_opt.frontends.torch import CalibrationError, ExportError, calibrate, export_text
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from operators.cases import DOMAINS, Case
from operators.distributions import sample

FINE, BOUND = 0.03, 0.125
"""
Relative errors, root of summed squares: 30 dB, and 18 dB. Tables warn below 20 dB on inputs as they
were calibrated; other inputs of the same kind may do as much worse.
"""

SHAPES: dict[str, tuple[int, ...]] = {
    "0": (),
    "1": (512,),
    "2": (8, 64),
    "3": (2, 4, 64),
    "4": (2, 2, 2, 64),
    "dynamic": (8, 64),
}
"""By rank; `dynamic` has a batch of any size, and is run with another."""

DYNAMIC_RUN = (5, 64)

TYPES = {
    "f32": torch.float32,
    "f64": torch.float64,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
}
"""Element types; the short ones are inside, between casts from and to f32."""

CALIBRATION, HELD_OUT = range(4), 50

Outcome = Literal["right", "coarse", "warned", "refused", "no cell", "silent", "crash"]

DIAGNOSTICS = (DiagnosticException, ExportError, CalibrationError, JitError)

FAILED: tuple[Outcome, ...] = ("silent", "crash")


@dataclass(frozen=True)
class Cell:
    """A call of the module."""

    case: Case
    rank: str
    domain: str

    @property
    def argument(self) -> tuple[str, str]:
        """Which of the inputs it takes."""
        return self.domain, self.rank


@dataclass(frozen=True)
class Met:
    """What became of a cell."""

    cell: Cell
    type: str
    distribution: str
    outcome: Outcome
    error: float | None = None
    message: str = ""

    def __str__(self) -> str:
        error = "" if self.error is None else f"{self.error:.1%}"
        where = f"{self.cell.case.name:32} {self.type:5} rank {self.cell.rank:8}"
        return f"{self.outcome:8} {where} {self.distribution:14} {error:>8} {self.message}".rstrip()


def cell(case: Case, rank: str, distribution: str) -> Cell | None:
    """A call on inputs of this kind; None where the operator needs a higher rank."""
    if len(SHAPES[rank]) < case.least_rank:
        return None
    return Cell(case, rank, case.domain(sample(distribution, 0)))


def meet(cells: Sequence[Cell], type_: str, distribution: str) -> Iterator[Met]:
    """Meet cells together; one that is refused is taken out, and the others go on."""
    pending = [list(cells)]
    while pending:
        if group := pending.pop():
            bed = Bed(group, type_, distribution)
            try:
                yield from bed.met()
            except Exception as error:
                refused = bed.at_fault(error)
                if refused is None:
                    half = len(group) // 2
                    pending += [group[:half], group[half:]]
                    continue
                yield Met(refused, type_, distribution, *bed.verdict(error))
                pending.append([each for each in group if each is not refused])


class Bed:
    """One module, its inputs, and what PyTorch makes of them."""

    def __init__(self, cells: Sequence[Cell], type_: str, distribution: str) -> None:
        self.cells, self.type, self.distribution = tuple(cells), type_, distribution
        self.arguments = tuple(dict.fromkeys(cell.argument for cell in cells))
        self.lines = {index + 6: cell for index, cell in enumerate(self.cells)}
        self.said = StringIO()

    def met(self) -> Iterator[Met]:
        """Take the module all the way; raises what any step raises."""
        model = self._module()
        batches = [self._inputs(seed) for seed in CALIBRATION]
        unseen = self._unseen(batches)
        with redirect_stderr(self.said), torch.no_grad():
            wanted, own = self._reference(unseen)
            seen = list(zip(*(self._reference(batch)[0] for batch in batches), strict=True))
            made = self._compiled(model, batches)(*(x.numpy() for x in unseen))
        results = made if isinstance(made, tuple) else (made,)
        warned = {
            int(line) for line in re.findall(r"cells\.py:(\d+):\d+: warn", self.said.getvalue())
        }
        columns = self.lines, results, wanted, own, seen
        for line, result, right, pytorch, before in zip(*columns, strict=True):
            size = _size(right, before)
            error = _error(np.asarray(result, np.float64), right, size)
            outcome: Outcome = (
                "right" if error <= FINE else "coarse" if error <= BOUND else "silent"
            )
            if not _error(pytorch, right, size) <= FINE / 2 or _is_beyond(right, before):
                outcome = "no cell"
            elif outcome == "silent" and line in warned:
                outcome = "warned"
            yield Met(self.lines[line], self.type, self.distribution, outcome, error)

    def at_fault(self, error: Exception) -> Cell | None:
        """The cell that a diagnostic names, or the only one."""
        if len(self.cells) == 1:
            return self.cells[0]
        text = f"{getattr(error, 'location', '')} {error}"
        lines = {int(line) for line in re.findall(r"cells\.py:(\d+)", text)}
        named = [self.lines[line] for line in lines if line in self.lines]
        return named[0] if len(named) == 1 else None

    def verdict(self, error: Exception) -> tuple[Outcome, None, str]:
        """Whether an exception is a diagnostic, or a fault of ours."""
        known = isinstance(error, DIAGNOSTICS)
        kind = "" if known else f"{type(error).__name__}: "
        first = next(iter(str(error).splitlines()), "")
        return "refused" if known else "crash", None, f"{kind}{first}"[:160]

    def _module(self) -> torch.nn.Module:
        """Written to a file, so that each cell has a line of its own."""
        names = {argument: f"a{i}" for i, argument in enumerate(self.arguments)}
        short = TYPES[self.type] in (torch.float16, torch.bfloat16)
        inner, outer = (f".to({TYPES[self.type]})", ".to(torch.float32)") if short else ("", "")
        lines = [
            "import torch",
            "aten = torch.ops.aten",
            "class Cells(torch.nn.Module):",
            f"    def forward(self, {', '.join(f'{n}, o{n}' for n in names.values())}):",
            "        made = []",
        ]
        for cell in self.cells:
            name = names[cell.argument]
            call = re.sub(r"\bx\b", f"{name}{inner}", cell.case.call)
            call = re.sub(r"\bother\b", f"o{name}{inner}", call)
            lines.append(f"        made.append({call}{outer})")
        lines.append("        return tuple(made)")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cells.py"
            path.write_text("\n".join(lines) + "\n")
            spec = importlib.util.spec_from_file_location("cells", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        return module.Cells().eval()

    def _inputs(self, seed: int) -> list[torch.Tensor]:
        """For each argument the operand and, for what takes two, another like it."""
        given: list[torch.Tensor] = []
        for domain, rank in self.arguments:
            x = DOMAINS[domain](sample(self.distribution, seed))
            for values in (x, np.abs(np.roll(x, 1))):
                given.append(self._tensor(values, SHAPES[rank]))
        return given

    def _unseen(self, batches: Sequence[Sequence[torch.Tensor]]) -> list[torch.Tensor]:
        """Other inputs within the range of those seen: beyond it any table saturates."""
        given = self._inputs(HELD_OUT)
        for i, x in enumerate(given):
            seen = torch.stack([batch[i] for batch in batches])
            given[i] = x.clip(seen.min(), seen.max())
        for i, (_, rank) in enumerate(self.arguments):
            if rank == "dynamic":
                given[2 * i : 2 * i + 2] = (x[: DYNAMIC_RUN[0]] for x in given[2 * i : 2 * i + 2])
        return given

    def _tensor(self, values: Reals, shape: tuple[int, ...]) -> torch.Tensor:
        """Values that the element type holds exactly."""
        inner = torch.from_numpy(values).to(TYPES[self.type])
        outer = inner.to(torch.float64 if self.type == "f64" else torch.float32)
        return outer.flatten()[0].clone() if shape == () else outer.reshape(shape)

    def _reference(self, given: Sequence[torch.Tensor]) -> tuple[list[Reals], list[Reals]]:
        """PyTorch in double precision, and in the element type."""
        both: list[list[Reals]] = []
        for dtype in (torch.float64, TYPES[self.type]):
            results: list[Reals] = []
            for cell in self.cells:
                at = 2 * self.arguments.index(cell.argument)
                names = {"x": given[at].to(dtype), "other": given[at + 1].to(dtype)}
                made = eval(cell.case.call, {"aten": torch.ops.aten, "torch": torch}, names)
                results.append(made.double().numpy())
            both.append(results)
        return both[0], both[1]

    def _compiled(self, model: torch.nn.Module, batches: Sequence[Any]) -> Any:
        dynamic = None
        if any(rank == "dynamic" for _, rank in self.arguments):
            size = torch.export.Dim("batch", min=2, max=64)
            ranks = [rank for _, rank in self.arguments for _ in range(2)]
            dynamic = tuple({0: size} if rank == "dynamic" else None for rank in ranks)
        calibration = calibrate(model, batches, dynamic_shapes=dynamic)
        text = export_text(model, *batches[0], dynamic_shapes=dynamic, calibration=calibration)
        program, ctx = parse(text, "cells.mlir", context()), context()
        for step in (LowerNonlinearToPwlPass(), PwlSearchPass(), ConvertPwlToArithPass()):
            step.apply(ctx, program.module)
        return jit.compile(program, opt_level=0)


def _size(wanted: Reals, seen: Sequence[Reals]) -> float:
    """
    What an error is relative to: the norm of the results.

    A single number may be the smallest of all that its table answers with: of these, seen ones
    included, the root mean square counts.
    """
    if wanted.ndim:
        return float(np.linalg.norm(wanted))
    return float(np.sqrt(np.square([wanted, *seen]).mean()))


def _is_beyond(wanted: Reals, seen: Sequence[Reals]) -> bool:
    """Whether a single quotient is larger than all seen ones, though its operands are not."""
    return not wanted.ndim and bool(np.abs(wanted) > np.abs(seen).max())


def _error(got: Reals, wanted: Reals, size: float) -> float:
    """Relative to a size; infinite where what is wanted is not finite."""
    if got.shape != wanted.shape or not (np.isfinite(wanted).all() and np.isfinite(got).all()):
        return float("inf")
    distance = float(np.linalg.norm(got - wanted))
    return distance / size if size else (0.0 if distance == 0.0 else float("inf"))
