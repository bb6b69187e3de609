"""The report: what was measured and chosen, around what the module itself says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lut_opt.accuracy.report import cells, decibels
from lut_opt.backends.page.page import Page, Section, page_of
from lut_opt.compiling.commands import commands
from lut_opt.compiling.network import Network

if TYPE_CHECKING:
    from lut_opt.accuracy import Accuracy
    from lut_opt.compiling.choice import Choice


def page(network: Network) -> Page:
    """All that is known of a compiled network."""
    made = page_of(network.program.module, f"{network.name} on integers")
    summary = {
        f"target {v.requirement}": _verdict(v.met, v.value) for v in network.accuracy.verdicts
    }
    summary |= dict(made.summary) | {"bits of distinct tables": str(network.table_bits)}
    before = [_accuracy(network.accuracy, network.backend)]
    if network.accuracy.operators:
        before.append(_sensitivity(network.accuracy))
    if network.choice is not None:
        before.append(_choice(network.choice))
    after = [*made.after, _commands(network), _seconds(network.accuracy)]
    return replace(made, summary=summary, before=before, after=after)


def _verdict(met: bool, value: float | None) -> str:
    measured = "" if value is None else f": {value:.6g}"
    return f"{'met' if met else 'NOT MET'}{measured}"


def _accuracy(accuracy: Accuracy, backend: str) -> Section:
    rows = [cells(name, each, "–") for name, each in accuracy.outputs.items()]
    rows += [cells(f"{name}, in real numbers", each, "–") for name, each in accuracy.real.items()]
    lead = (
        f"Compiled code ({backend}) against PyTorch, on {accuracy.held_out} batches that the "
        f"calibration has not seen; it saw {accuracy.seen} others."
    )
    if accuracy.real:
        lead += (
            " In real numbers: the same program without tables, what export and rounding to floats "
            "cost."
        )
    columns = ("output", "cosine", "worst cosine", "SQNR", "largest error", "agreement")
    return Section(title="Accuracy", lead=lead, columns=columns, rows=rows)


def _sensitivity(accuracy: Accuracy) -> Section:
    rows = [
        (each.name, each.layer or "–", decibels(each.sqnr), f"{each.cosine:.6f}",
         f"{each.error:.1e}", each.location)
        for each in accuracy.operators
    ]  # fmt: skip
    lead = "What each operator alone costs the network, every other in real numbers; worst first."
    columns = ("operator", "layer", "SQNR", "cosine", "largest error", "source")
    return Section(title="Sensitivity", lead=lead, columns=columns, rows=rows)


def _choice(choice: Choice) -> Section:
    rows = [
        (
            group.name,
            str(len(group.operators)),
            str(each.setting),
            str(each.bits) if each.area is None else f"{each.bits} ({each.area:.0f} NAND2)",
            "exact" if each.noise == 0 else f"{each.noise:.1e}",
            ", ".join(
                f"{c.bits} bits: {c.noise:.1e}" for c in group.candidates if c.bits != each.bits
            ),
        )
        for group, each in choice.candidates
    ]
    held = "once" if choice.looks == 1 else f"{choice.looks} times, the last after repairs"
    lead = (
        "Operators that share their tables share a setting. Noise over signal at the worst output "
        f"is measured alone, in the network. Step {choice.steps} of {len(choice.ladder.steps)} "
        f"from the smallest to the largest choice ({choice.on_seen} were enough on what the "
        f"calibration saw); held-out batches were looked at {held}."
    )
    columns = ("operator", "how many", "chosen", "bits of tables", "noise", "instead of")
    return Section(title="Choice", lead=lead, columns=columns, rows=rows)


def _commands(network: Network) -> Section:
    lead = "The same by hand, in the folder of torch.mlir, with out= a folder of your choice:"
    return Section(title="Commands", lead=lead, text="\n".join(commands(network)))


def _seconds(accuracy: Accuracy) -> Section:
    rows = [(step, f"{spent:.1f} s") for step, spent in accuracy.seconds.items()]
    return Section(title="Time", columns=("step", "time"), rows=rows)
