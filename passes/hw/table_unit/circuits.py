"""
The circuits that compute one fixed table, by the names that `implementation=` gives them.

Every one computes the table on every input; they differ in cost alone. To add one is to add it to
`CIRCUITS`: the option then takes its name, and `implementation=auto` considers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lut_opt.passes.hw.datapath.fixed import Style


@dataclass(frozen=True)
class FixedCircuit:
    """One way to build a fixed unit."""

    name: str
    doc: str
    """What it is, in the help of the option."""

    words: str
    """What it is, in the header of its module."""

    style: Callable[[], Style]
    """How it is built; asked for when there is a unit to build, so that a list imports nothing."""


def _compare() -> Style:
    from lut_opt.passes.hw.datapath.fixed import Style

    return Style()


def _onehot() -> Style:
    from lut_opt.passes.hw.datapath.fixed import Style

    return Style(select="onehot")


def _decode() -> Style:
    from lut_opt.passes.hw.datapath.fixed import Style

    return Style(select="decode")


def _rows() -> Style:
    from lut_opt.passes.hw.datapath.fixed import Style

    return Style(select="onehot", multiplier="lines")


def _folded() -> Style:
    from lut_opt.passes.hw.datapath.fixed import FOLDED, Style

    return Style(form=FOLDED)


def _direct() -> Style:
    from lut_opt.passes.hw.datapath.fixed import DIRECT, Style

    return Style(form=DIRECT)


CIRCUITS: dict[str, FixedCircuit] = {
    circuit.name: circuit
    for circuit in (
        FixedCircuit(
            "compare",
            "as select and multiplier say",
            "compare chain and recoded slopes",
            _compare,
        ),
        FixedCircuit("onehot", "masked constants", "one-hot select and recoded slopes", _onehot),
        FixedCircuit(
            "decode",
            "segments told apart by decision diagrams of the upper input bits",
            "decoded segments and recoded slopes",
            _decode,
        ),
        FixedCircuit(
            "rows",
            "the product with every slope, one let through",
            "rows of constant multiples",
            _rows,
        ),
        FixedCircuit(
            "folded",
            "half of a symmetric table, on |x|",
            "the right half of a symmetric table",
            _folded,
        ),
        FixedCircuit(
            "direct",
            "the results of all inputs, of up to 12 bits",
            "direct truth table of the piecewise-linear table",
            _direct,
        ),
    )
}
"""In the order in which `implementation=auto` settles ties."""

AUTO = "auto"


def implementations() -> dict[str, str]:
    """What `implementation=` takes, and what each is."""
    found = {name: circuit.doc for name, circuit in CIRCUITS.items()}
    return {AUTO: "the cheapest of these; all compute the table, bit for bit", **found}


def styles() -> dict[str, Style]:
    """How each is built."""
    return {name: circuit.style() for name, circuit in CIRCUITS.items()}
