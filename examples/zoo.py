"""
Run small models of many architectures with every non-linear operator an integer table or unit.

Each is calibrated, exported, lowered and searched by the defaults of every pass, compiled, and run
on inputs that the calibration has not seen. A row a model: its operators, what is left in floating
point, cosine and relative error (the root of summed squares) of its results against PyTorch's, and
seconds of one core. Where the cosine is below 0.999 or the error above 3 %, the operators are left
in floating point one kind at a time (`keep=`), and the row names the kind that costs most.

    python examples/zoo.py                             every model, some minutes; --quick: a few
    python examples/zoo.py --only t5 --only mamba      these
    python examples/zoo.py --write docs/results.md --json zoo.json

Rows are kept in `--cache` under a digest of the toolchain and of the models: what was measured is
not measured again.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import torch
from architectures import ARCHITECTURES, Example
from columns import as_markdown, as_text
from kinds import KINDS
from numpy.typing import NDArray
from xdsl.utils.exceptions import DiagnosticException

import lut_opt
from lut_opt.backends import jit
from lut_opt.backends.remaining import remaining_nonlinear
from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.frontends.torch import calibrate, export_text
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

CALIBRATION, HELD_OUT = range(4), range(50, 52)
"""Seeds of the inputs that are observed, and of those that are compared."""

LEAST_COSINE, LARGEST_ERROR = 0.999, 0.03
"""What a row must reach, or name the operator that costs it."""

QUICK = ("bert", "vae", "gaussian kan")

MODELS = {**ARCHITECTURES, **KINDS}


@dataclass(frozen=True)
class Row:
    """What one model gave; `note` says what costs most, or why it could not be run."""

    model: str
    operators: str = ""
    left: str = ""
    cosine: float | None = None
    error: float | None = None
    seconds: float = 0.0
    warnings: int = 0
    note: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it was run and reaches what a row must."""
        return (
            self.cosine is not None
            and self.error is not None
            and not self.left
            and _good(Agreement(self.cosine, self.error))
        )

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        cosine = "" if self.cosine is None else f"{self.cosine:.5f}"
        error = "" if self.error is None else f"{self.error:.2%}"
        seconds = f"{self.seconds:.1f}"
        return (self.model, self.operators, self.left or "none", cosine, error, seconds, self.note)


MARKED = re.compile(r"(?<=<!-- zoo: begin -->\n).*?(?=<!-- zoo: end -->)", re.DOTALL)
"""Where a document has the table."""

HEADER = ("model", "operators", "floats left", "cosine", "error", "seconds", "costs most")


@dataclass(frozen=True)
class Agreement:
    """How alike results are to PyTorch's."""

    cosine: float
    error: float

    @staticmethod
    def of(got: NDArray[np.float64], wanted: NDArray[np.float64]) -> Agreement:
        """Over all elements; both 1-d."""
        sizes = float(np.linalg.norm(got)), float(np.linalg.norm(wanted))
        cosine = float(got @ wanted) / (sizes[0] * sizes[1]) if all(sizes) else 0.0
        return Agreement(cosine, float(np.linalg.norm(got - wanted)) / sizes[1])


def _good(found: Agreement) -> bool:
    return found.cosine >= LEAST_COSINE and found.error <= LARGEST_ERROR


class Study:
    """A model as exported text, and what comes of it with some operators kept."""

    def __init__(self, name: str, example: Example) -> None:
        self.name = name
        self.model, inputs = example
        batches = [inputs(seed) for seed in CALIBRATION]
        calibration = calibrate(self.model, batches)
        self.text = export_text(self.model, *batches[0], calibration=calibration)
        self.unseen = [inputs(seed) for seed in HELD_OUT]
        with torch.no_grad():
            self.wanted = _flat([self.model(*each) for each in self.unseen])

    def searched(self, keep: tuple[str, ...] = ()) -> Program:
        """The program with its tables, by the defaults of every pass."""
        program, ctx = parse(self.text, self.name, context()), context()
        LowerNonlinearToPwlPass(keep=keep).apply(ctx, program.module)
        PwlSearchPass().apply(ctx, program.module)
        return program

    def agreement(self, program: Program) -> Agreement:
        """Of the compiled program, on inputs that the calibration has not seen."""
        compiled = jit.compile(program, opt_level=0)
        made = [compiled(*(x.numpy() for x in each)) for each in self.unseen]
        return Agreement.of(_flat(made), self.wanted)

    def costliest(self, kinds: Sequence[str]) -> str:
        """The kind of operator without whose table the results are most alike."""
        found: dict[str, Agreement] = {}
        # Functions of one name that differ are numbered; `keep` means them all.
        for kind in dict.fromkeys(re.sub(r"_\d+$", "", kind) for kind in kinds):
            program = self.searched((kind,))
            ConvertPwlToArithPass().apply(context(), program.module)
            found[kind] = self.agreement(program)
        best = min(found, key=lambda kind: found[kind].error)
        return f"{best}: {found[best].error:.2%} without it"


def _flat(results: Sequence[object]) -> NDArray[np.float64]:
    return np.concatenate(
        [np.asarray(x, np.float64).ravel() for each in results for x in _each(each)]
    )


def _each(result: object) -> Iterator[object]:
    if isinstance(result, tuple | list):
        yield from result
    else:
        yield result


def operators(program: Program) -> Counter[str]:
    """Tables and units of a program by what `keep` calls them."""
    ops = [op for op in program.module.walk() if isinstance(op, ApplyOp | UnitOp)]
    return Counter(op.UNIT.name if isinstance(op, UnitOp) else op.function_name for op in ops)


def measured(name: str) -> Row:
    """Take one model through everything."""
    start, said = time.process_time(), StringIO()
    with redirect_stderr(said):
        study = Study(name, MODELS[name]())
        program = study.searched()
        counts = operators(program)
        ConvertPwlToArithPass().apply(context(), program.module)
        remaining = remaining_nonlinear(program.module)
        # What is made of constants alone is folded, and divisions by constants are linear.
        left = Counter(r.name for r in remaining if r.kind == "function" and not r.constant)
        found = study.agreement(program)
    seconds = time.process_time() - start
    warnings = said.getvalue().count(" warning: ")
    with redirect_stderr(StringIO()):
        note = "" if _good(found) else study.costliest(list(counts))
    return Row(
        name,
        _listed(counts),
        _listed(left),
        found.cosine,
        found.error,
        seconds,
        warnings,
        note + (f" ({warnings} warnings)" if note and warnings else ""),
    )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def digest() -> str:
    """Of the toolchain and of what makes the models."""
    made = hashlib.sha256()
    package = Path(lut_opt.__file__).parent
    folders = [package / name for name in ("dialects", "passes", "frontends", "backends")]
    paths = [path for folder in folders for path in folder.resolve().rglob("*.py")]
    for path in sorted([*paths, *Path(__file__).parent.glob("*.py")]):
        made.update(path.read_bytes())
    return made.hexdigest()[:16]


def rows(names: Sequence[str], cache: Path | None) -> Iterator[Row]:
    """A row a model, from the cache where it was measured with this very toolchain."""
    key = digest()
    known = json.loads(cache.read_text()) if cache is not None and cache.exists() else {}
    known = known if known.get("digest") == key else {"digest": key}
    for name in names:
        if name in known:
            yield Row(**known[name])
            continue
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            row = measured(name)
        except (DiagnosticException, ValueError) as error:  # about this model; the others go on
            at = getattr(error, "location", "")
            row = Row(name, note=f"{at}{': ' if at else ''}{str(error).splitlines()[0]}")
        known[name] = asdict(row)
        if cache is not None:
            cache.write_text(json.dumps(known, indent=1))
        yield row


def main() -> None:
    """Measure the models that are asked for, and print the table; exit 1 if one cannot be run."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", action="append", choices=MODELS, metavar="NAME", help=", ".join(MODELS))
    add("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    add("--cache", type=Path, default=Path(".zoo.json"), help="(default: .zoo.json)")
    add("--markdown", action="store_true", help="print a Markdown table")
    add("--write", type=Path, metavar="FILE", help="put it between a document's zoo marks")
    add("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    options = parser.parse_args()
    gc.disable()  # as lut-opt does: nearly all that a run makes lives until its end
    found = list(rows(options.only or (QUICK if options.quick else list(MODELS)), options.cache))
    cells = [row.cells() for row in found]
    table = as_markdown(HEADER, cells) + "\n"
    print(table if options.markdown else as_text(HEADER, cells))
    good = sum(row.is_good for row in found)
    print(f"{good} of {len(found)}: cosine ≥ {LEAST_COSINE}, error ≤ {LARGEST_ERROR:.0%}")
    if options.write:
        text = options.write.read_text()
        options.write.write_text(MARKED.sub(lambda _: table, text))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    if any(row.cosine is None for row in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
