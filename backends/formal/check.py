"""
What is known of every hardware module of a program, each checked as far as it can be.

Units of tables are proved (`prove`), alone and as streams; softmax and norms are simulated against
their integer semantics while both sides stall (`simulate_rows`), and the rules of their handshake
are shown from the gates (`handshake`); of anything else nothing is claimed.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.handshake import rules
from lut_opt.backends.formal.netlist import read_netlists
from lut_opt.backends.formal.tables import prove
from lut_opt.backends.simulate.row_bench import Stalls, sample
from lut_opt.backends.simulate.rows import simulate_rows
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl.hardware import RowUnit
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
    rows = [unit for unit in units_of(modules).values() if isinstance(unit, RowUnit)]
    others = sorted(modules.keys() - {unit.module for unit in rows})
    # What the rules need of a result is before it in registers, not in memories.
    netlists = read_netlists(text, others, memories=False) if rows else {}
    for unit in progress(rows, "simulating"):
        (result,) = simulate_rows(text, [stimulus := sample(unit)], STALLS)
        lines[unit.module] = (
            f"{unit.module}: proved: a result waits unchanged until it is taken; checked: "
            f"{result.elements} results of {len(stimulus.rows)} rows, both sides stalling"
        )
        broken = rules(netlists[unit.module])
        wrong += [] if result.passed else [str(result)]
        wrong += [f"{unit.module}: wrong: {'; '.join(broken)}"] if broken else []
    if wrong:
        raise BackendError("; ".join(wrong))
    for name in modules:
        users = [user for user, op in modules.items() if name in instances(op, modules)]
        unknown = f"part of {', '.join(users)}" if users else "not checked: not a unit with a check"
        lines.setdefault(name, f"{name}: {unknown}")
    return [lines[name] for name in modules]
