"""
Test benches of streaming units: rows in, stalls on both sides, every result checked.

    files = vectors(stimulus)                       # x.hex, y.hex and, for norms, gamma and beta
    files["bench.sv"] = bench(stimulus, "bench", Stalls(0.3))

A bench needs nothing but these files and the unit: `iverilog -g2012` or Verilator compiles it. It
also watches the handshake: a result that is not taken must stay as it is, and no element may be
lost, doubled or reordered. Where a beat has several lanes, beats are what is sent and judged; lanes
without an element hold the largest input, and must give 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from lut_opt.backends.tools.icarus import hexadecimal
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.passes.hw.row_unit.rows import SLACK

MARGIN = 200
"""Cycles for which a bench waits for results too many, and extra cycles before it gives up."""


@dataclass(frozen=True)
class Stalls:
    """
    How often each side pauses, 0 to 1.

    Now and then one side never pauses, or does nearly always, for long enough to fill the buffers.
    """

    share: float = 0.0
    seed: int = 1
    shy: bool = False
    """Whether the consumer is ready only when it sees a result: a unit must not wait for it."""


@dataclass(frozen=True)
class Beat:
    """Elements `start` to `stop` − 1 of the stream, which move in one cycle."""

    start: int
    stop: int
    last: bool = False
    """Whether a row ends with it."""


@dataclass(frozen=True)
class Stimulus:
    """
    Rows for a unit, and its gamma and beta by name.

    Of a unit of several norms, `selects` says for each row which of them it is for; their gammas
    and betas are one after the other.
    """

    unit: RowUnit
    rows: Sequence[Integers]
    parameters: Mapping[str, Integers] = field(default_factory=dict[str, Integers])
    selects: Sequence[int] = ()

    @property
    def elements(self) -> int:
        """How many elements all rows have."""
        return sum(map(len, self.rows))

    def expected(self) -> Integers:
        """The results of the integer semantics, row after row."""
        length, choices = self.unit.length, self.unit.choices
        results: list[Integers] = []
        for row, i in zip(self.rows, self.selects or [0] * len(self.rows), strict=True):
            parameters = (self.parameters[name] for name in choices[i].parameters)
            own = [values[i * length :][:length] for values in parameters]
            results.append(choices[i].evaluate(row, *own))
        return np.concatenate(results)

    @cached_property
    def beats(self) -> list[Beat]:
        """How the elements of all rows, one row after the other, go through a port."""
        lanes, start = self.unit.lanes, 0
        found: list[Beat] = []
        for end in np.cumsum([len(row) for row in self.rows]).tolist():
            found += [Beat(at, min(at + lanes, end)) for at in range(start, end, lanes)]
            found[-1] = replace(found[-1], last=True)
            start = end
        return found

    def lasts(self) -> list[int]:
        """For each beat whether it is the last of its row."""
        return [int(beat.last) for beat in self.beats]

    def choices(self) -> list[int]:
        """For each beat which norm its row is for."""
        beats = self.unit.beats
        return [i for i in self.selects for _ in range(beats)] or [0] * len(self.beats)

    def keeps(self) -> list[int]:
        """For each beat the lanes that hold an element, a bit each."""
        return [(1 << beat.stop - beat.start) - 1 for beat in self.beats]

    def packed(self, values: Integers, bits: int, absent: int) -> list[int]:
        """The beats of values of all rows, lane 0 in the lowest bits; `absent` in empty lanes."""
        found = [values[beat.start : beat.stop].tolist() for beat in self.beats]
        return [pack([*beat, *[absent] * (self.unit.lanes - len(beat))], bits) for beat in found]


def sample(unit: RowUnit, seed: int = 0) -> Stimulus:
    """
    Random, constant, one-hot, alternating and extreme rows, and random gamma and beta.

    Half of the rows are shorter than the longest, where that may be. Short rows are repeated, until
    the unit's buffers have been full.
    """
    operand, n = unit.semantics.operand, unit.length
    low, high, zero = operand.minimum, operand.maximum, operand.zero_point
    rng = np.random.default_rng(seed)
    one_hot = np.arange(n) == n // 2
    made = [rng.integers(low, high + 1, n).astype(np.float64) for _ in range(6)]
    spreads = (1, 10, 40, 1000, *((1e5, 1e7) if operand.bits > 16 else ()))
    made += [zero + rng.normal(0, spread, n) for spread in spreads]
    made += [np.full(n, float(value)) for value in (low, zero, high)]
    made += [np.where(one_hot, *pair) for pair in ((high, low), (low, high), (zero + 1, zero))]
    made += [np.where(np.arange(n) % 2, float(low), high)]
    if unit.semantics.variable_length:
        made = [row[: rng.integers(1, n + 1)] if i % 2 else row for i, row in enumerate(made)]
    made *= 1 + 64 * unit.lanes // n
    rows = [np.clip(np.rint(row), low, high).astype(np.int64) for row in made]
    parameters = {
        name: np.concatenate([_parameter(unit, each.result, kind, rng) for each in unit.choices])
        for name, kind in unit.semantics.parameters.items()
    }
    several = len(unit.choices)
    selects = rng.integers(0, several, len(rows)).tolist() if unit.others else ()
    return Stimulus(unit, rows, parameters, selects)


def _parameter(
    unit: RowUnit, result: Quantization, kind: Quantization, rng: np.random.Generator
) -> Integers:
    """
    Random gamma or beta: one in four anywhere, the others at most half of the largest result.

    Where all are anywhere, a wide beta saturates every result, whatever was computed.
    """
    half = np.array([result.minimum, result.maximum]) - result.zero_point
    low, high = kind.quantize(half * result.scale / 2).tolist()
    near = rng.integers(low, high + 1, unit.length)
    anywhere = rng.integers(kind.minimum, kind.maximum + 1, unit.length)
    return np.where(np.arange(unit.length) % 4 == 3, anywhere, near)


def vectors(stimulus: Stimulus, prefix: str = "") -> dict[str, str]:
    """The files that a bench reads: elements and results with their row ends, gamma and beta."""
    unit, lanes = stimulus.unit, stimulus.unit.lanes
    operand, result = unit.semantics.operand, unit.semantics.result
    x = np.concatenate(list(stimulus.rows))
    ends = [
        last if not unit.keeps else last << lanes | keep
        for last, keep in zip(stimulus.lasts(), stimulus.keeps(), strict=True)
    ]
    files: dict[str, str] = {}
    chosen = [end | i << flag_bits(unit) for end, i in zip(ends, stimulus.choices(), strict=True)]
    for name, bits, beats, flags in (
        ("x", operand.bits, stimulus.packed(x, operand.bits, operand.maximum), chosen),
        ("y", result.bits, stimulus.packed(stimulus.expected(), result.bits, 0), ends),
    ):
        words = [flag << lanes * bits | beat for flag, beat in zip(flags, beats, strict=True)]
        above = flag_bits(unit) + unit.select_bits * (name == "x")
        files[f"{prefix}{name}.hex"] = hexadecimal(words, lanes * bits + above)
    for name, kind in unit.semantics.parameters.items():
        values = stimulus.parameters[name].reshape(-1, lanes)
        words = [pack(beat, kind.bits) for beat in values]
        files[f"{prefix}{name}.hex"] = hexadecimal(words, lanes * kind.bits)
    return files


def pack(values: Iterable[int], bits: int) -> int:
    """Values side by side, the first in the lowest bits."""
    mask = (1 << bits) - 1
    return sum((int(value) & mask) << i * bits for i, value in enumerate(values))


def flag_bits(unit: RowUnit) -> int:
    """Width of what goes with a beat: the row's end and, where there is one, `keep`."""
    return 1 + unit.lanes * unit.keeps


def bench(stimulus: Stimulus, name: str, stalls: Stalls, prefix: str = "") -> str:
    """
    The module `name`: it ends with the line `PASS: …`, or with `FAIL: …` and an error.

    Before that it prints what `simulate_rows` reads. `prefix` begins the names of the files.
    """
    unit, count, lanes = stimulus.unit, len(stimulus.beats), stimulus.unit.lanes
    bits, out_bits = lanes * unit.semantics.operand.bits, lanes * unit.semantics.result.bits
    in_top, out_top = bits + flag_bits(unit) - 1, out_bits + flag_bits(unit) - 1
    in_top += unit.select_bits
    what = "results" if lanes == 1 else "beats"
    percent = round(100 * stalls.share)
    window = 3 * (unit.beats + SLACK)
    patience = (count + unit.latency) * 20 + MARGIN
    last = "    .x_last(x_last),\n" if unit.semantics.variable_length else ""
    x, y, keeps = "{x_last, x}", "{y_last, y}", ""
    if unit.keeps:
        x, y = "{x_last, x_keep, x}", "{y_last, y_keep, y}"
        last += "    .x_keep(x_keep), .y_keep(y_keep),\n"
        keeps = f"  reg [{lanes - 1}:0] x_keep = 0;\n  wire [{lanes - 1}:0] y_keep;\n"
    if unit.others:
        x = "{select, x_last, x}"
        last += "    .select(select),\n"
        keeps = f"  reg [{unit.select_bits - 1}:0] select = 0;\n"
    wires, connected, loading = _loading(unit, prefix)
    rows = len(stimulus.rows)
    return f"""// Self-checking bench of {unit.module}: {stimulus.elements} elements in {rows} rows.
module {name};
  reg clock = 0, reset = 1, x_valid = 0, x_last = 0, y_ready = 0, taken = 0, held = 0, go = 0;
  reg [{bits - 1}:0] x = 0;
{keeps}  reg [{in_top}:0] xs [0:{count - 1}];
  reg [{out_top}:0] ys [0:{count - 1}], previous = 0, seen = 0;
  wire x_ready, y_valid, y_last;
  wire [{out_bits - 1}:0] y;
  reg [31:0] dice = {stalls.seed};
  integer sent = 0, got = 0, cycle = 0, begun = -1, ended = 0, first = -1, broken = 0, idle = 0;
  integer wrong = 0, at = -1, in_stall = {percent}, out_stall = {percent}, i;
{wires}  {unit.module} unit (.clock(clock), .reset(reset), {connected}.x_valid(x_valid), .x(x),
{last}    .x_ready(x_ready), .y_valid(y_valid), .y(y), .y_last(y_last), .y_ready(y_ready));
  task roll;
    dice = dice * 32'd1664525 + 32'd1013904223;
  endtask
  function integer stall(input [1:0] face);
    stall = {percent} == 0 ? 0 : face == 0 ? 0 : face == 1 ? 98 : {percent};
  endfunction
  always #1 clock = ~clock;
  initial begin
    $readmemh("{prefix}x.hex", xs);
    $readmemh("{prefix}y.hex", ys);
    #4 @(negedge clock) reset = 0;
{loading}    go = 1;
  end
  // Inputs change at the falling edge, and an offered element stays until it is taken.
  always @(negedge clock) if (go) begin
    if (cycle % {window} == 0) begin
      roll; in_stall = stall(dice[31:30]);
      roll; out_stall = stall(dice[31:30]);
    end
    if (!x_valid || taken) begin
      roll; x_valid = sent < {count} && {{16'd0, dice[31:16]}} % 100 >= in_stall;
      if (x_valid) {x} = xs[sent];
    end
    roll; y_ready = {{16'd0, dice[31:16]}} % 100 >= out_stall{" && y_valid" if stalls.shy else ""};
  end
  always @(posedge clock) if (go) begin
    cycle <= cycle + 1;
    taken <= x_valid && x_ready;
    if (x_valid && x_ready) begin
      if (begun < 0) begun = cycle;
      sent <= sent + 1;
    end
    if (y_valid && first < 0) first = cycle;
    if (y_valid && y_ready) begin
      if (got >= {count} || {y} !== ys[got]) begin
        if (at < 0) begin at = got; seen = {y}; end
        wrong = wrong + 1;
      end
      got = got + 1; ended = cycle;
    end
    if (held && (y_valid !== 1 || {y} !== previous)) broken = broken + 1;
    if (y_valid !== 0 && y_valid !== 1) broken = broken + 1;
    held <= y_valid && !y_ready; previous <= {y};
    idle <= got >= {count} ? idle + 1 : 0;
    if (idle > {MARGIN} || cycle > {patience}) begin
      $display("results %0d wrong %0d broken %0d latency %0d cycles %0d first %0d %h",
               got, wrong, broken, first - begun, ended - begun, at, seen);
      if (got == {count} && wrong == 0 && broken == 0) begin
        $display("PASS: all {count} {what} of {unit.module} are right");
        $finish;
      end else begin
        $display("FAIL: {unit.module}: %0d {what} of {count}, %0d wrong, handshake broken %0d x",
                 got, wrong, broken);
        $fatal(1);
      end
    end
  end
endmodule
"""


def _loading(unit: RowUnit, prefix: str) -> tuple[str, str, str]:
    """Declarations, connections and statements that load gamma and beta."""
    if not unit.semantics.parameters:
        return "", "", ""
    beats = len(unit.choices) * unit.beats
    declared = f"  reg write = 0; reg [{unit.index_bits - 1}:0] index = 0;\n"
    connected, begun, assigned = ".write(write), .index(index), ", "", ""
    for key, kind in unit.semantics.parameters.items():
        declared += f"  reg [{unit.lanes * kind.bits - 1}:0] {key} = 0, {key}s [0:{beats - 1}];\n"
        connected += f".{key}({key}), "
        begun += f'    $readmemh("{prefix}{key}.hex", {key}s);\n'
        assigned += f" {key} = {key}s[i];"
    loop = (
        f"    for (i = 0; i < {beats}; i = i + 1) begin\n"
        f"      write = 1; index = i[{unit.index_bits - 1}:0];{assigned} @(negedge clock);\n"
        "    end\n    write = 0;\n"
    )
    return declared, connected, begun + loop
