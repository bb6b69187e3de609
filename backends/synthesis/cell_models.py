"""
What a Liberty file says about a cell beyond its area: its function, loads and energies.

    model = cell_model(library, "NAND2_X1")
    model.functions["ZN"]({"A1": a, "A2": b})      # arrays of bits
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lut_opt.backends.errors import BackendError
from lut_opt.backends.synthesis.liberty import Group, Library

Bits = NDArray[np.bool_]
CellFunction = Callable[[Mapping[str, Bits]], Bits]
EnergyTable = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Loads, and the energy of a toggle at each."""


@dataclass(frozen=True)
class CellModel:
    """What is known about a cell; energies are in capacitance units times square volts."""

    functions: dict[str, CellFunction]
    expressions: dict[str, str]
    """The same of its pins, with `~`, `&`, `|` and `^`: Verilog, too."""
    state: str | None
    """The data pin of a flip-flop, whose outputs follow it a cycle later."""
    clock: str | None
    capacitances: dict[str, float]
    tables: dict[str, list[EnergyTable]]
    leakage: float
    latch: bool = False

    def energy(self, pin: str, load: float) -> float:
        """Mean internal energy of a toggle of the pin."""
        found = [float(np.interp(load, *table)) for table in self.tables.get(pin, [])]
        return sum(found) / len(found) if found else 0.0


@lru_cache(maxsize=1024)
def _read_model(text: str, header: str) -> CellModel:
    library = Library("", header, {"cell": text})
    cell = library.cell("cell")
    templates = {g.argument: g for g in library.head.groups if g.kind.endswith("_template")}
    state, clock, outputs = None, None, dict[str, str]()
    for flip_flop in cell.all("ff"):
        following = re.sub(r"[()\s]", "", flip_flop.attributes.get("next_state", ""))
        state = following if re.fullmatch(r"\w+", following) else "?"
        clock = re.sub(r"[()!\s]", "", flip_flop.attributes.get("clocked_on", ""))
        names = [name.strip() for name in flip_flop.argument.replace('"', "").split(",")]
        outputs = dict(zip(names, ("", "!"), strict=False))
    expressions: dict[str, str] = {}
    capacitances: dict[str, float] = {}
    tables: dict[str, list[EnergyTable]] = {}
    for pin in cell.all("pin"):
        capacitances[pin.argument] = float(pin.attributes.get("capacitance", "0"))
        tables[pin.argument] = [
            table
            for group in pin.all("internal_power")
            for kind in ("rise_power", "fall_power", "power")
            for values in group.all(kind)
            if (table := _energies(values, templates)) is not None
        ]
        if text_of := pin.attributes.get("function"):
            inverted = outputs.get(text_of.strip())
            expressions[pin.argument] = _expression(
                text_of if inverted is None else f"{inverted}{state}"
            )
    leakage = float(cell.attributes.get("cell_leakage_power", "0"))
    latch = bool(cell.all("latch"))
    functions = {pin: _function(text) for pin, text in expressions.items()}
    return CellModel(functions, expressions, state, clock, capacitances, tables, leakage, latch)


def cell_model(library: Library, name: str) -> CellModel:
    """What a library says about a cell; `BackendError` if that is not a function of its pins."""
    model = _read_model(library.cells[name], library.header)
    if not model.functions or model.state == "?":
        raise BackendError(f"power: the function of cell {name} is not known")
    return model


def _numbers(text: str) -> NDArray[np.float64]:
    return np.array([float(word) for word in re.findall(r"[-+\d.eE]+", text)])


def _energies(values: Group, templates: Mapping[str, Group]) -> EnergyTable | None:
    """Loads and energies of an internal power table, at its second shortest transition."""
    numbers = _numbers(values.attributes.get("values", ""))
    template = templates.get(values.argument)
    attributes = {**(template.attributes if template else {}), **values.attributes}
    second = _numbers(attributes.get("index_2", ""))
    if not len(numbers):
        return None
    if len(second) > 1 and len(numbers) % len(second) == 0:
        rows = numbers.reshape(-1, len(second))
        if "capacitance" not in attributes.get("variable_1", ""):
            return second, rows[min(1, len(rows) - 1)]
        first = _numbers(attributes.get("index_1", ""))
        return first, rows[:, min(1, rows.shape[1] - 1)]
    return np.zeros(1), numbers[min(1, len(numbers) - 1) :][:1]


def _prefixed(text: str) -> str:
    """`a'` and `(a b)'` as `!a` and `!(a b)`."""
    while (end := text.find("'")) >= 0:
        start = end
        depth = 0
        while start > 0:
            start -= 1
            depth += (text[start] == ")") - (text[start] == "(")
            before = text[start - 1] if start else " "
            whole = text[start] == "(" or not (before.isalnum() or before == "_")
            if depth == 0 and text[start] not in " '" and whole:
                break
        text = f"{text[:start]}!{text[start:end]}{text[end + 1 :]}"
    return text


def _expression(text: str) -> str:
    """A Liberty function in the operators of Python and Verilog."""
    source = _prefixed(text).replace("!", "~").replace("*", "&").replace("+", "|")
    # Names next to each other mean `and`.
    source = re.sub(r"(\w|\))\s+(?=[\w(~])", r"\1 & ", source)
    if not re.fullmatch(r"[\w\s~&|^()]*", source):
        raise BackendError(f"power: cannot read the cell function '{text}'")
    return source


def _function(expression: str) -> CellFunction:
    """An expression as a function of arrays."""
    names = set(re.findall(r"[A-Za-z_]\w*", expression))
    code = compile(expression, "<liberty>", "eval")
    return lambda pins: eval(code, {"__builtins__": {}}, {name: pins[name] for name in names})


__all__ = ["Bits", "CellModel", "cell_model"]
