"""
Streaming units against their integer semantics, in a simulator, while both sides stall.

    for result in simulate_rows(verilog, [Stimulus(unit, rows)], Stalls(0.3)):
        print(result)

Every unit has its own bench, which also watches the handshake: a result that is not taken must stay
as it is, and no element may be lost, doubled or reordered.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lut_opt.backends.errors import BackendError
from lut_opt.backends.simulate.row_bench import Beat, Stalls, Stimulus, bench, vectors
from lut_opt.backends.tools import icarus
from lut_opt.backends.tools.icarus import stored_value

BENCH = "lut_opt_row_bench"


@dataclass(frozen=True)
class RowResult:
    """What the simulation of one unit showed."""

    module: str
    elements: int
    beats: int
    """Cycles in which results must come: as many as elements, with one lane."""
    equal: int
    """Beats that are right in values, order and row end."""
    received: int
    violations: int
    """Cycles in which a waiting result changed or vanished."""
    first_difference: tuple[int, int, int | None] | None
    """Position in the stream, expected value, value seen (None: undefined or missing)."""
    latency: int
    """Cycles from the first element taken to the first result offered."""
    cycles: int
    """Cycles from the first element taken to the last result taken."""

    @property
    def passed(self) -> bool:
        """Whether hardware and integer semantics are the same on these rows."""
        return self.equal == self.beats == self.received and not self.violations

    def __str__(self) -> str:
        """One line for the console."""
        what = "results" if self.beats == self.elements else "beats"
        line = f"{self.module}: {self.equal} of {self.beats} {what} equal, {self.cycles} cycles"
        if self.received != self.beats:
            line += f"; {self.received} {what} came"
        if self.violations:
            line += f"; the handshake was broken {self.violations} times"
        if self.first_difference is not None:
            at, expected, actual = self.first_difference
            line += f"; first difference at element {at}: {actual}, not {expected}"
        return line


def simulate_rows(
    verilog: str, stimuli: Sequence[Stimulus], stalls: Stalls = Stalls()
) -> list[RowResult]:
    """Simulate streaming units of a SystemVerilog text, each with its own rows."""
    results: list[RowResult] = []
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        (directory / "units.sv").write_text(verilog)
        for stimulus in stimuli:
            files = vectors(stimulus) | {"bench.sv": bench(stimulus, BENCH, stalls)}
            for name, text in files.items():
                (directory / name).write_text(text)
            printed = icarus.run(directory, BENCH, ["units.sv", "bench.sv"], may_fail=True)
            results.append(_judge(stimulus, printed))
    return results


def _judge(stimulus: Stimulus, printed: str) -> RowResult:
    """What the bench said."""
    match = re.search(
        r"results (\d+) wrong (\d+) broken (\d+) latency (-?\d+) cycles (-?\d+) "
        r"first (-?\d+) (\S+)",
        printed,
    )
    if match is None:
        raise BackendError(f"{stimulus.unit.module}: the simulation ended early: {printed[-200:]}")
    received, wrong, broken, latency, cycles, at = map(int, match.groups()[:6])
    beats = stimulus.beats
    first: tuple[int, int, int | None] | None = None
    if 0 <= at < len(beats):
        first = _difference(stimulus, beats[at], match[7])
    return RowResult(
        stimulus.unit.module,
        stimulus.elements,
        len(beats),
        max(0, received - wrong),
        received,
        broken,
        first,
        latency,
        cycles,
    )


def _difference(stimulus: Stimulus, beat: Beat, digits: str) -> tuple[int, int, int | None]:
    """The first element of a beat that is wrong, or the first if only the row's end is."""
    side, expected = stimulus.unit.semantics.result, stimulus.expected()[beat.start : beat.stop]
    whole = stored_value(digits, len(digits) * 4, False)
    if whole is None:
        return beat.start, int(expected[0]), None
    seen = [
        stored_value(
            f"{whole >> lane * side.bits & (1 << side.bits) - 1:x}", side.bits, side.signed
        )
        for lane in range(len(expected))
    ]
    wrong = (lane for lane, value in enumerate(expected) if seen[lane] != value)
    lane = next(wrong, 0)
    return beat.start + lane, int(expected[lane]), seen[lane]
