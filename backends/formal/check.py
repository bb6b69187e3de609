"""
What is known of every hardware module of a program, each checked as far as it can be.

Units of tables and divisions are proved (`prove`), alone and as streams; softmax and norms are
simulated against their integer semantics while both sides stall (`simulate_rows`), and the rules of
their handshake are shown from the gates (`handshake`), as they are of units with the ports of
AXI4-Stream, which a monitor of the protocol watches besides; of anything else nothing is claimed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.clocks import plain
from lut_opt.backends.formal.handshake import AXIS, rules, under
from lut_opt.backends.formal.netlist import Netlist, read_netlists
from lut_opt.backends.formal.tables import prove
from lut_opt.backends.simulate.benches import bench_files
from lut_opt.backends.simulate.row_bench import Stalls, sample
from lut_opt.backends.simulate.rows import simulate_rows
from lut_opt.backends.tools import icarus
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl.hardware import AxisUnit, BlockUnit, RowUnit
from lut_opt.passes.hw.modules import instances, modules_of, units_of
from lut_opt.passes.support.progress import progress

STALLS = Stalls(share=0.3, seed=1)
"""How both sides of a streaming unit pause."""


def check(module: ModuleOp, verilog: str | None = None) -> list[str]:
    """
    A line for each hardware module, in order, which never says more than is true.

    `verilog` is what to check instead of the text that `systemverilog.emit` writes. Raises
    `BackendError` for a module that computes something else than it says, or if there is none.
    """
    modules = modules_of(module)
    if not modules:
        raise BackendError("there is no hardware to prove: run --convert-pwl-to-hw first")
    text = systemverilog.emit(module) if verilog is None else verilog
    proofs = prove(module, text)
    lines = {proof.module: str(proof) for proof in proofs}
    wrong = [str(proof) for proof in proofs if proof.refuted]
    units = units_of(modules).values()
    handshakes = [unit for unit in units if isinstance(unit, RowUnit | AxisUnit | BlockUnit)]
    read = {unit.module for unit in handshakes}
    read |= {part for name in read for part in instances(modules[name], modules)}
    # What the rules need of a result is before it in registers, not in memories.
    ignored = sorted(modules.keys() - read)
    netlists = read_netlists(text, ignored, memories=False) if handshakes else {}
    for unit in progress(handshakes, "simulating"):
        netlist = plain(netlists[unit.module])
        if isinstance(unit, RowUnit):
            lines[unit.module], broken = _check_rows(unit, netlist, text)
        else:
            lines[unit.module], broken = _check_axis(unit, netlist, text)
        wrong += [f"{unit.module}: wrong: {'; '.join(broken)}"] if broken else []
    if wrong:
        raise BackendError("; ".join(wrong))
    for name in modules:
        users = [user for user, op in modules.items() if name in instances(op, modules)]
        unknown = f"part of {', '.join(users)}" if users else "not checked: not a unit with a check"
        lines.setdefault(name, f"{name}: {unknown}")
    return [lines[name] for name in modules]


def _check_rows(unit: RowUnit, netlist: Netlist, text: str) -> tuple[str, list[str]]:
    """What is known of a unit of rows, and what is wrong with it."""
    (result,) = simulate_rows(text, [stimulus := sample(unit)], STALLS)
    line = (
        f"{unit.module}: proved: a result waits unchanged until it is taken; checked: "
        f"{result.elements} results of {len(stimulus.rows)} rows, both sides stalling"
    )
    wrong = [] if result.passed else [str(result).removeprefix(f"{unit.module}: ")]
    return line, [*wrong, *rules(netlist)]


def _check_axis(unit: AxisUnit | BlockUnit, netlist: Netlist, text: str) -> tuple[str, list[str]]:
    """What is known of one or more units with ports of AXI4-Stream, and what is wrong with them."""
    pairs = [AXIS] if isinstance(unit, AxisUnit) else [under(AXIS, name) for name, _ in unit.units]
    broken = [each for names in pairs for each in rules(netlist, names)]
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        files = bench_files(unit, "bench", STALLS) | {"units.sv": text}
        for name, content in files.items():
            (Path(folder) / name).write_text(content)
        said = icarus.run(Path(folder), "bench", ["units.sv", "bench.sv"], may_fail=True)
    if "PASS: " not in said:
        broken.append(next((s for s in said.splitlines() if "FAIL" in s), "no end of its bench"))
    line = (
        f"{unit.module}: proved: a beat waits unchanged until it is taken, no path from side to "
        "side; checked: the results of its bench, both sides stalling and watched by a monitor"
    )
    return line, broken
