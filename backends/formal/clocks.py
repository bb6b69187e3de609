"""
Netlists of gated clocks and latches as netlists of registers that all follow one clock.

    plain(netlist)      # gated clocks become multiplexers before registers; latches are gone

What a flow's clock-gating relies on is checked here, not assumed: whatever gates a clock comes from
latches that are open while the clock is low, so that it stands still while the clock is high; and
what a latch takes while the clock is high comes from registers. What breaks one of these rules is
in `problems`. Sampled at rising edges, the result behaves as the netlist does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lut_opt.backends.formal.netlist import Netlist, Stored

CLOCKS = frozenset({"clock", "x_clock", "aclk"})
"""Ports that are clocks; two of them are taken to tick together."""


def plain(netlist: Netlist) -> Netlist:
    """The netlist with nothing in `stored`."""
    return _Clocks(netlist).plain() if netlist.stored else netlist


class _Clocks:
    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.made = replace(
            netlist,
            gates=dict(netlist.gates),
            registers=dict(netlist.registers),
            stored={},
            problems=list(netlist.problems),
        )
        self.clocked = set(netlist.cone([s.clock for s in netlist.stored.values()]))
        self.clocked = {wire for wire in self.clocked if CLOCKS & set(netlist.cone([wire]))}

    def plain(self) -> Netlist:
        # What is open while the clock is low holds, at the edge, what it is given.
        held = {wire for wire, stored in self.netlist.stored.items() if self._is_low_latch(stored)}
        for wire in held:
            self.made.gates[wire] = "copy", (self.netlist.stored[wire].source,)
        for wire, stored in self.netlist.stored.items():
            if stored.kind == "re" and self.netlist.source(stored.clock) in CLOCKS:
                self.made.registers[wire] = stored.source
        for wire, stored in self.netlist.stored.items():
            if wire not in held and wire not in self.made.registers:
                self._enable(wire, stored, held)
        return self.made

    def _is_low_latch(self, stored: Stored) -> bool:
        return stored.kind == "al" and self.netlist.source(stored.clock) in CLOCKS

    def _enable(self, wire: str, stored: Stored, held: set[str]) -> None:
        """A register that keeps its value unless its clock is let through."""
        problems = self.made.problems
        enables = list(self._conditions(stored.clock)) or [self._gate("$always", "one")]
        leaves = {leaf for leaf in self.netlist.cone(enables) if leaf not in self.netlist.gates}
        if stored.clock not in self.clocked or stored.kind == "al":
            problems.append(f"{wire} is stored by something else than the clock")
        if any(each in self.clocked for each in enables):
            problems.append(f"{wire} has a clock that is more than gated")
        if not leaves <= held:
            problems.append(f"what gates the clock of {wire} may change while the clock is high")
        source = stored.source
        if stored.kind == "ah":
            # It takes what the register shows after the edge: what that takes at the edge.
            register = self.netlist.source(source)
            source = self.made.registers.get(register, source)
            if register not in self.made.registers:
                problems.append(f"what {wire} takes may change while the clock is high")
        taken = source
        for place, each in enumerate(enables):
            taken = self._gate(f"{wire}$taken{place}", "and", taken, each)
        enable = enables[0]
        for place, each in enumerate(enables[1:]):
            enable = self._gate(f"{wire}$enable{place}", "and", enable, each)
        keeps = self._gate(f"{wire}$keeps", "not", enable)
        kept = self._gate(f"{wire}$kept", "and", wire, keeps)
        sides = [self._gate(f"{side}$not", "not", side) for side in (taken, kept)]
        neither = self._gate(f"{wire}$neither", "and", *sides)
        self.made.registers[wire] = self._gate(f"{wire}$next", "not", neither)

    def _conditions(self, clock: str) -> Iterator[str]:
        """The operands of the and-gates through which the clock goes; or what is no such gate."""
        kind, sources = self.netlist.gates.get(clock, ("", ()))
        if kind in ("and", "copy"):
            for source in sources:
                if source in self.clocked:
                    yield from self._conditions(source)
                else:
                    yield source
        elif clock not in CLOCKS:
            yield clock

    def _gate(self, wire: str, kind: str, *sources: str) -> str:
        self.made.gates[wire] = kind, sources
        return wire
