"""
Units with the ports of AXI4-Stream in the bench of what is inside, watched by a protocol monitor.

An adapter has the ports of the unit inside and the names of AXI4-Stream behind them, so that the
bench which knows the right results asks for them through `s_axis_…` and `m_axis_…`, both sides
pausing. Bits that do not count are driven high. On each side `axis_monitor` asserts what the
protocol asks for (Arm IHI 0051A, 2.2): `tvalid` stays until `tready`, the beat stays as it is
meanwhile, nothing is valid in reset, and no row is longer than it may be. A stream of elements gets
a `tlast` on every fifth one, and must give it back on the same.
"""

from __future__ import annotations

from lut_opt.dialects.pwl.hardware import AxisUnit, RowUnit
from lut_opt.dialects.pwl.hardware.axis_unit import BYTE, RENAMED

ROW = 5
"""Elements of a row where rows are nothing to the unit."""

MONITOR = """
// What AXI4-Stream asks of whoever offers beats; BEATS: the longest row, 0 if there are none.
module axis_monitor #(parameter BITS = 1, parameter BEATS = 0) (
  input aclk, input aresetn, input tvalid, input tready, input tlast, input [BITS-1:0] beat);
  reg waiting = 0, started = 0;
  reg [BITS-1:0] held = 0;
  integer beats = 0;
  task broken(input [511:0] what);
    begin
      $display("FAIL: %m: %0s", what);
      $fatal(1);
    end
  endtask
  always @(posedge aclk) begin
    if (!aresetn) begin
      assert (!started || tvalid === 0) else broken("tvalid in reset");
      started <= 1;
    end else begin
      assert (tvalid === 0 || tvalid === 1) else broken("tvalid is undefined");
      assert (!waiting || tvalid) else broken("tvalid fell before tready");
      assert (!waiting || beat === held) else broken("a beat changed while it waited");
      assert (!tvalid || tready === 0 || tready === 1) else broken("tready is undefined");
      if (tvalid && tready) begin
        assert (BEATS == 0 || beats < BEATS) else broken("a row without tlast");
        beats <= tlast ? 0 : beats + 1;
      end
    end
    waiting <= aresetn && tvalid && !tready;
    held <= beat;
  end
endmodule
"""


def adapter(unit: AxisUnit, name: str) -> str:
    """Modules with the ports of what is inside, `name`, and with the monitor around the unit."""
    return _adapter(unit, name) + MONITOR


def _adapter(unit: AxisUnit, name: str) -> str:
    """A module with the ports of what is inside, around the unit and two monitors."""
    inner = unit.unit
    declared = ", ".join(
        f"{'output' if port.output else 'input'} [{(port.bits or 1) - 1}:0] {port.name}"
        for port in inner.ports
    )
    lanes = range(unit.lanes)
    y = unit.element_bits("y"), BYTE * unit.element_bytes("y")
    sent = ", ".join(_sent(unit, name) for name in reversed(unit.operands))
    given = ", ".join(f"m_axis_tdata[{i * y[1]} +: {y[0]}]" for i in reversed(lanes))
    taken = unit.widths["s_axis_tdata"]
    sign = f"y[%d] & 1'b{int(unit.signed)}"
    wide = ", ".join(
        f"{{{y[1] - y[0]}{{{sign % ((i + 1) * y[0] - 1)}}}}}, y[{i * y[0]} +: {y[0]}]"
        if y[1] > y[0]
        else f"y[{i * y[0]} +: {y[0]}]"
        for i in reversed(lanes)
    )
    kept = {port.name for port in inner.ports} & {"x_keep"}
    own = {"aclk": "clock", "aresetn": "!reset", "s_axis_tdata": "sent", "m_axis_tdata": "given"}
    own |= {"s_axis_tlast": "s_last", "m_axis_tlast": "m_last"}
    own |= {"s_axis_tkeep": "s_keep", "m_axis_tkeep": "m_keep"}
    back = {axis: name for name, axis in RENAMED.items()}
    connected = ", ".join(
        f".{p.name}({own.get(p.name, back.get(p.name, p.name))})" for p in unit.ports
    )
    beats = inner.beats if isinstance(inner, RowUnit) else ROW
    return f"""
// The ports of {inner.module} around {unit.module}, with a monitor on each side.
module {name} ({declared});
  wire [{taken - 1}:0] sent = {{{sent}}};
  wire [{unit.lanes * y[1] - 1}:0] given;
{_lasts(unit)}{_keeps(unit) if kept else ""}  {unit.module} unit ({connected});
  assign y = {{{given.replace("m_axis_tdata", "given")}}};
  axis_monitor #(.BITS({taken + 1}), .BEATS({beats * unit.takes_last})) s_axis (
    .aclk(clock), .aresetn(!reset), .tvalid(x_valid), .tready(x_ready), .tlast(s_last),
    .beat({{s_last, sent}}));
  axis_monitor #(.BITS({unit.lanes * y[1] + 1}), .BEATS({beats})) m_axis (
    .aclk(clock), .aresetn(!reset), .tvalid(y_valid), .tready(y_ready), .tlast(m_last),
    .beat({{m_last, given}}));
  always @(posedge clock) if (!reset && y_valid)
    assert (given === {{{wide}}}) else $fatal(1, "FAIL: the upper bits of m_axis_tdata are wrong");
endmodule
"""


def _sent(unit: AxisUnit, name: str) -> str:
    """An operand in `s_axis_tdata`, lane 0 in the lowest bytes, what does not count driven high."""
    bits, wide = unit.element_bits(name), BYTE * unit.element_bytes(name)
    pad = f"{{{wide - bits}{{1'b1}}}}, " if wide > bits else ""
    return ", ".join(f"{pad}{name}[{i * bits} +: {bits}]" for i in reversed(range(unit.lanes)))


def _lasts(unit: AxisUnit) -> str:
    """Where `tlast` comes from and goes to."""
    if isinstance(unit.unit, RowUnit):
        given = "x_last" if unit.takes_last else "1'b0"
        return f"  wire m_last;\n  wire s_last = {given};\n  assign y_last = m_last;\n"
    return f"""  integer entered = 0, left = 0;
  wire m_last;
  wire s_last = entered % {ROW} == {ROW - 1};
  always @(posedge clock) if (!reset) begin
    if (x_valid && x_ready) entered <= entered + 1;
    if (y_valid && y_ready) left <= left + 1;
    if (y_valid) assert (m_last === (left % {ROW} == {ROW - 1}))
      else $fatal(1, "FAIL: tlast of another beat");
  end
"""


def _keeps(unit: AxisUnit) -> str:
    """A bit for each byte."""
    s, m = unit.element_bytes("x"), unit.element_bytes("y")
    lanes = range(unit.lanes)
    sent = ", ".join(f"{{{s}{{x_keep[{i}]}}}}" for i in reversed(lanes))
    given = ", ".join(f"m_keep[{i * m}]" for i in reversed(lanes))
    return (
        f"  wire [{unit.lanes * s - 1}:0] s_keep = {{{sent}}};\n"
        f"  wire [{unit.lanes * m - 1}:0] m_keep;\n  assign y_keep = {{{given}}};\n"
    )
