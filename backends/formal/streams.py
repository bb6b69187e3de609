"""
What a valid/ready stream around a unit does while nobody pauses, and that pausing changes nothing.

A stream of `passes/hw/stream.py` lets everything move one stage on, or nothing. `moving` shows from
the gates that it is so, for every state and every pattern of stalls: where x_ready is not set no
register changes; x_ready is set where no result waits or the waiting one is taken; y_valid says
whether an input was accepted `latency` moves ago. What is left to prove is the unit by itself.
"""

from __future__ import annotations

from lut_opt.backends.formal.netlist import ONE, ZERO, Literal, Netlist


class BrokenStream(Exception):
    """A rule of the handshake that does not follow from the gates."""


def moving(netlist: Netlist, latency: int) -> Netlist:
    """
    The netlist where nothing ever waits: a plain unit of this latency, with x and y.

    Raises `BrokenStream` where the handshake is not as described above.
    """
    (x_ready,), (y_valid,) = netlist.port("x_ready"), netlist.port("y_valid")
    x_ready, y_valid = netlist.source(x_ready), netlist.source(y_valid)
    if not latency:
        if (x_ready, y_valid) != ("y_ready", "x_valid"):
            raise BrokenStream("x_ready is not y_ready, or y_valid is not x_valid")
        return netlist
    for valid in (ZERO, ONE):
        for taken in (ZERO, ONE):
            expected = ONE if valid == ZERO or taken == ONE else ZERO
            now = netlist.simplify([x_ready], {y_valid: valid, "y_ready": taken})[x_ready]
            if now != expected:
                raise BrokenStream("x_ready is not exactly that no result waits or it is taken")
    _stands_still(netlist, x_ready, y_valid)
    _valid_follows(netlist, {x_ready: ONE, "reset": ZERO}, y_valid, latency)
    return netlist.given({x_ready: ONE})


def _stands_still(netlist: Netlist, x_ready: str, y_valid: str) -> None:
    """Nothing that a result depends on changes where x_ready is not set."""
    reached: set[str] = set()
    open_ = [*netlist.port("y"), y_valid]
    while open_:
        found = {wire for wire in netlist.cone(open_) if wire in netlist.registers} - reached
        reached |= found
        sources = {wire: netlist.registers[wire] for wire in sorted(found)}
        following = netlist.simplify(sources.values(), {x_ready: ZERO, "reset": ZERO})
        moved = [wire for wire, source in sources.items() if following[source] != (wire, False)]
        for wire in moved:
            if not _is_word(netlist, wire):
                raise BrokenStream(f"{wire} changes while a result waits")
        open_ = [sources[wire] for wire in sorted(found - set(moved))]


def _is_word(netlist: Netlist, wire: str) -> bool:
    """Whether a register keeps a bit of the table, which only writes change."""
    quiet = dict.fromkeys(netlist.port("write_enable"), ZERO)
    source = netlist.registers[wire]
    return bool(quiet) and netlist.simplify([source], quiet)[source] == (wire, False)


def _valid_follows(netlist: Netlist, fixed: dict[str, Literal], y_valid: str, latency: int) -> None:
    """While everything moves, y_valid is x_valid of `latency` cycles ago; reset clears it."""
    wire = y_valid
    for _ in range(latency):
        source = netlist.registers.get(wire)
        if source is None:
            raise BrokenStream(f"y_valid comes from {wire}, which is no register")
        cleared = netlist.simplify([source], {"reset": ONE})[source]
        if cleared != ZERO:
            raise BrokenStream(f"reset does not clear {wire}")
        following = netlist.simplify([source], fixed)[source]
        if following[1] or not following[0]:
            raise BrokenStream(f"{wire} does not move on")
        wire = netlist.source(following[0])
    if wire != "x_valid":
        raise BrokenStream(f"y_valid is {wire} of {latency} cycles ago, not x_valid")


__all__ = ["BrokenStream", "moving"]
