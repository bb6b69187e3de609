"""
A bench of several units in one module: beats through all pairs of streams at the same time.

    made = {name: sample_traffic(unit) for name, unit in block.units}
    files = vectors(made) | {"bench.sv": bench(block, made, "bench", Stalls(0.25))}

`axis_traffic` offers the beats of one pair and compares what comes out, both ends pausing, with a
monitor of the protocol on either side. It needs nothing but its files and the module: `iverilog
-g2012` or Verilator compiles it. What a pair took is printed for `read_results`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lut_opt.backends.simulate.axis_bench import MONITOR, ROW
from lut_opt.backends.simulate.row_bench import MARGIN, Stalls, Stimulus, pack, sample
from lut_opt.backends.tools.icarus import hexadecimal
from lut_opt.dialects.pwl.hardware import AxisUnit, BlockUnit, RowUnit, StreamUnit
from lut_opt.dialects.pwl.hardware.axis_unit import BYTE
from lut_opt.dialects.pwl.hardware.block_unit import port_under
from lut_opt.dialects.quantization import Integers

SAMPLE = 2048
"""Elements of a stream of tables, at most: the stream's own bench has all."""

SENT = ("s_axis_tdata", "s_axis_tkeep", "s_axis_tlast", "s_axis_tuser")
GIVEN = ("m_axis_tdata", "m_axis_tkeep", "m_axis_tlast")
"""What is in a beat, from its lowest bits on."""

TRAFFIC = """
// Offers beats to one pair of streams, and compares what comes out; S_LAST: the bit of tlast or -1.
module axis_traffic #(
    parameter S = 1, parameter M = 1, parameter COUNT = 1, parameter S_LAST = -1,
    parameter BEATS = 1, parameter STALL = 0, parameter SEED = 1,
    parameter SENT = "", parameter GIVEN = "") (
  input aclk, input aresetn, input go, output reg s_tvalid, input s_tready,
  output reg [S-1:0] s_beat, input m_tvalid, output reg m_tready, input [M-1:0] m_beat,
  input m_tlast, output done);
  reg [S-1:0] sent [0:COUNT-1];
  reg [M-1:0] given [0:COUNT-1];
  reg [31:0] dice = SEED;
  integer at = 0, got = 0, cycle = 0, begun = -1, first = -1, ended = 0, s_stall = 0, m_stall = 0;
  wire s_tlast = S_LAST < 0 ? 1'b0 : s_beat[S_LAST < 0 ? 0 : S_LAST];
  assign done = got == COUNT;
  task roll;
    dice = dice * 32'd1664525 + 32'd1013904223;
  endtask
  // Now and then one end never pauses, or does nearly always.
  function integer stall(input [1:0] face);
    stall = STALL == 0 ? 0 : face == 0 ? 0 : face == 1 ? 98 : STALL;
  endfunction
  initial begin
    $readmemh(SENT, sent);
    $readmemh(GIVEN, given);
    s_tvalid = 0; s_beat = 0; m_tready = 0;
  end
  always @(posedge aclk) if (go) begin
    cycle <= cycle + 1;
    if (cycle % (3 * BEATS + 48) == 0) begin
      roll; s_stall = stall(dice[31:30]);
      roll; m_stall = stall(dice[31:30]);
    end
    roll;
    if (!s_tvalid || s_tready) begin
      s_tvalid <= at < COUNT && {16'd0, dice[31:16]} % 100 >= s_stall;
      if (at < COUNT && {16'd0, dice[31:16]} % 100 >= s_stall) begin
        s_beat <= sent[at]; at <= at + 1;
      end
    end
    roll; m_tready <= {16'd0, dice[31:16]} % 100 >= m_stall;
    if (s_tvalid && s_tready && begun < 0) begun <= cycle;
    if (m_tvalid && first < 0) first <= cycle;
    if (m_tvalid && m_tready) begin
      if (got >= COUNT) begin
        $display("FAIL: %m: a beat too many: %h", m_beat);
        $fatal(1);
      end else if (m_beat !== given[got]) begin
        $display("FAIL: %m: beat %0d is %h, not %h", got, m_beat, given[got]);
        $fatal(1);
      end
      got <= got + 1; ended <= cycle;
    end
  end
  axis_monitor #(.BITS(S), .BEATS(S_LAST < 0 ? 0 : BEATS)) s_axis (
    .aclk(aclk), .aresetn(aresetn), .tvalid(s_tvalid), .tready(s_tready), .tlast(s_tlast),
    .beat(s_beat));
  axis_monitor #(.BITS(M), .BEATS(BEATS)) m_axis (
    .aclk(aclk), .aresetn(aresetn), .tvalid(m_tvalid), .tready(m_tready), .tlast(m_tlast),
    .beat(m_beat));
endmodule
"""


@dataclass(frozen=True)
class Traffic:
    """
    What goes through one pair of streams: beats as numbers, `SENT` in and `GIVEN` out.

    `loaded` has the words of parameters (gamma, beta), from index 0 on.
    """

    sent: Sequence[int]
    given: Sequence[int]
    loaded: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])


@dataclass(frozen=True)
class PairResult:
    """What a pair of streams took: all its beats were right."""

    beats: int
    latency: int
    """Cycles from the first beat taken to the first one offered."""
    cycles: int
    """Cycles from the first beat taken to the last one given."""


def sample_traffic(unit: AxisUnit) -> Traffic:
    """Rows of all kinds, or inputs from everywhere."""
    inner = unit.unit
    if isinstance(inner, RowUnit):
        return row_traffic(unit, sample(inner))
    steps = inner.steps()
    chosen = np.linspace(0, len(steps["y"]) - 1, min(SAMPLE, len(steps["y"]))).astype(int)
    return element_traffic(unit, {name: values[chosen] for name, values in steps.items()})


def row_traffic(unit: AxisUnit, stimulus: Stimulus) -> Traffic:
    """Rows of a softmax or norm, and its gamma and beta."""
    semantics, lanes = stimulus.unit.semantics, unit.lanes
    x = np.concatenate(list(stimulus.rows))
    data = {
        # What does not count is driven high.
        "s_axis_tdata": _padded(
            unit, "x", stimulus.packed(x, semantics.operand.bits, -1), ones=True
        ),
        "m_axis_tdata": _padded(
            unit, "y", stimulus.packed(stimulus.expected(), semantics.result.bits, 0)
        ),
    }
    for side, port in (("s_axis", "x"), ("m_axis", "y")):
        size = unit.element_bytes(port)
        keeps = [[(1 << size) - 1] * keep.bit_count() for keep in stimulus.keeps()]
        data[f"{side}_tkeep"] = [pack(each, size) for each in keeps]
        data[f"{side}_tlast"] = stimulus.lasts()
    data["s_axis_tuser"] = stimulus.choices()
    loaded = {
        name: [pack(beat, kind.bits) for beat in stimulus.parameters[name].reshape(-1, lanes)]
        for name, kind in semantics.parameters.items()
    }
    return Traffic(_beats(unit, SENT, data), _beats(unit, GIVEN, data), loaded)


def element_traffic(unit: AxisUnit, steps: Mapping[str, Integers]) -> Traffic:
    """Values for each operand, and the results `y`; `tlast` comes with every fifth."""
    inner = unit.unit
    assert isinstance(inner, StreamUnit)
    sent = [0] * len(steps["y"])
    place = 0
    for name in inner.operands:
        values = _padded(unit, name, _masked(steps[name], unit.element_bits(name)), ones=True)
        sent = [low | value << place for low, value in zip(sent, values, strict=True)]
        place += BYTE * unit.element_bytes(name)
    lasts = [int(i % ROW == ROW - 1) for i in range(len(sent))]
    data = {
        "s_axis_tdata": sent,
        "m_axis_tdata": _padded(unit, "y", _masked(steps["y"], unit.element_bits("y"))),
        "s_axis_tlast": lasts,
        "m_axis_tlast": lasts,
        "s_axis_tuser": steps["select"].tolist() if "select" in steps else [],
    }
    return Traffic(_beats(unit, SENT, data), _beats(unit, GIVEN, data))


def vectors(traffic: Mapping[str, Traffic], block: BlockUnit) -> dict[str, str]:
    """The files that the bench reads."""
    files: dict[str, str] = {}
    for name, unit in block.units:
        made = traffic[name]
        files[f"{name}_sent.hex"] = hexadecimal(made.sent, _width(unit, SENT))
        files[f"{name}_given.hex"] = hexadecimal(made.given, _width(unit, GIVEN))
        for parameter, words in made.loaded.items():
            files[f"{name}_{parameter}.hex"] = hexadecimal(words, unit.widths[parameter])
    return files


def bench(block: BlockUnit, traffic: Mapping[str, Traffic], name: str, stalls: Stalls) -> str:
    """The module `name`: it ends with the line `PASS: …`, or with `FAIL: …` and an error."""
    most = max(len(made.sent) for made in traffic.values())
    patience = (most + block.latency) * 20 + MARGIN
    declared = loading = done = shown = ""
    connected = [".aclk(aclk)", ".aresetn(aresetn)"]
    for number, (part, unit) in enumerate(block.units):
        made = traffic[part]
        declared += _pair(part, unit, made, stalls, number)
        loading += _loading(part, unit, made)
        connected += _connections(part, unit)
        done += f" && {part}_done"
        shown += _shown(part, len(made.sent))
    total = sum(len(made.sent) for made in traffic.values())
    return f"""// Self-checking bench of {block.module}: {total} beats, all streams at once.
module {name};
  reg aclk = 0, aresetn = 0, go = 0;
  integer cycle = 0, idle = 0, i;
{declared}  {block.module} block ({f",{chr(10)}    ".join(connected)});
  always #1 aclk = ~aclk;
  initial begin
    #4 @(negedge aclk) aresetn = 1;
{loading}    go = 1;
  end
  always @(posedge aclk) if (go) begin
    cycle <= cycle + 1;
    idle <= 1'b1{done} ? idle + 1 : 0;
    if (idle > {MARGIN}) begin
{shown}      $display("PASS: all {total} beats of {block.module} are right");
      $finish;
    end
    if (cycle > {patience}) begin
      $display("FAIL: {block.module}: beats are missing after %0d cycles", cycle);
      $fatal(1);
    end
  end
endmodule
{TRAFFIC}{MONITOR}"""


def read_results(printed: str) -> dict[str, PairResult]:
    """What each pair of streams took, as the bench printed it."""
    found = re.findall(r"^(\w+): (\d+) beats, latency (\d+), (\d+) cycles$", printed, re.MULTILINE)
    return {name: PairResult(*map(int, numbers)) for name, *numbers in found}


def _pair(part: str, unit: AxisUnit, made: Traffic, stalls: Stalls, number: int) -> str:
    """The wires of one pair of streams, and what offers and compares its beats."""
    sent, given = _width(unit, SENT), _width(unit, GIVEN)
    s_last, m_last = (_places(unit, side).get(f"{side[0][:6]}_tlast") for side in (SENT, GIVEN))
    beats = unit.unit.beats if isinstance(unit.unit, RowUnit) else ROW
    stall = round(100 * stalls.share)
    return f"""  wire {part}_s_tvalid, {part}_s_tready, {part}_m_tvalid, {part}_m_tready;
  wire {part}_done;
  wire [{sent - 1}:0] {part}_s;
  wire [{given - 1}:0] {part}_m;
  axis_traffic #(.S({sent}), .M({given}), .COUNT({len(made.sent)}), .S_LAST({_first(s_last)}),
    .BEATS({beats}), .STALL({stall}), .SEED({stalls.seed + number}),
    .SENT("{part}_sent.hex"), .GIVEN("{part}_given.hex")) {part}_traffic (
    .aclk(aclk), .aresetn(aresetn), .go(go), .s_tvalid({part}_s_tvalid),
    .s_tready({part}_s_tready), .s_beat({part}_s), .m_tvalid({part}_m_tvalid),
    .m_tready({part}_m_tready), .m_beat({part}_m), .m_tlast({part}_m[{_first(m_last)}]),
    .done({part}_done));
{_registers(part, made, unit)}"""


def _first(place: tuple[int, int] | None) -> int:
    return -1 if place is None else place[0]


def _registers(part: str, made: Traffic, unit: AxisUnit) -> str:
    """What drives the ports that load gamma and beta."""
    declared = ""
    for port in unit.passed:
        under = port_under(part, port.name)
        declared += f"  reg [{(port.bits or 1) - 1}:0] {under} = 0;\n"
        if port.name in made.loaded:
            words = len(made.loaded[port.name])
            declared += f"  reg [{(port.bits or 1) - 1}:0] {under}s [0:{words - 1}];\n"
    return declared


def _loading(part: str, unit: AxisUnit, made: Traffic) -> str:
    """Statements that load gamma and beta."""
    if not made.loaded:
        return ""
    read = "".join(
        f'    $readmemh("{part}_{name}.hex", {port_under(part, name)}s);\n' for name in made.loaded
    )
    words = len(next(iter(made.loaded.values())))
    written = "".join(
        f" {port_under(part, name)} = {port_under(part, name)}s[i];" for name in made.loaded
    )
    index = unit.widths["index"]
    return (
        f"{read}    for (i = 0; i < {words}; i = i + 1) begin\n"
        f"      {part}_write = 1; {part}_index = i[{index - 1}:0];{written}\n"
        f"      @(negedge aclk);\n    end\n    {part}_write = 0;\n"
    )


def _connections(part: str, unit: AxisUnit) -> list[str]:
    """The ports of one pair of streams, and those that load its parameters."""
    found = [f".{port_under(part, p.name)}({port_under(part, p.name)})" for p in unit.passed]
    for side in (SENT, GIVEN):
        for port, (low, bits) in _places(unit, side).items():
            wires = f"{part}_{port[0]}[{low} +: {bits}]"
            found.append(f".{port_under(part, port)}({wires})")
    for port in ("s_axis_tvalid", "s_axis_tready", "m_axis_tvalid", "m_axis_tready"):
        found.append(f".{port_under(part, port)}({part}_{port[0]}_{port[7:]})")
    return found


def _shown(part: str, beats: int) -> str:
    inside = f"{part}_traffic"
    return (
        f'      $display("{part}: {beats} beats, latency %0d, %0d cycles",\n'
        f"               {inside}.first - {inside}.begun, {inside}.ended - {inside}.begun);\n"
    )


def _places(unit: AxisUnit, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where each port is in a beat: its lowest bit and its width."""
    places: dict[str, tuple[int, int]] = {}
    low = 0
    for name in names:
        if name in unit.widths:
            places[name] = low, unit.widths[name]
            low += unit.widths[name]
    return places


def _width(unit: AxisUnit, names: Sequence[str]) -> int:
    return sum(bits for _, bits in _places(unit, names).values())


def _beats(unit: AxisUnit, names: Sequence[str], data: Mapping[str, Sequence[int]]) -> list[int]:
    """The ports of each beat in one number."""
    places = _places(unit, names)
    columns = [[value << places[name][0] for value in data[name]] for name in places]
    return [sum(parts) for parts in zip(*columns, strict=True)]


def _padded(unit: AxisUnit, name: str, beats: Sequence[int], ones: bool = False) -> list[int]:
    """Beats of elements side by side, each in whole bytes: its sign, or ones, above it."""
    bits, wide = unit.element_bits(name), BYTE * unit.element_bytes(name)
    above, found = ((1 << wide) - 1) ^ ((1 << bits) - 1), list[int]()
    for beat in beats:
        lanes = [beat >> i * bits & (1 << bits) - 1 for i in range(unit.lanes)]
        high = [ones or (unit.signed and lane >> bits - 1) for lane in lanes]
        found.append(
            pack([x | above if up else x for x, up in zip(lanes, high, strict=True)], wide)
        )
    return found


def _masked(values: Integers, bits: int) -> list[int]:
    return [int(value) & (1 << bits) - 1 for value in values]
