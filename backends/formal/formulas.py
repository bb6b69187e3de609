"""Cones of a netlist as formulas of an SMT solver (z3), which is loaded where it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.netlist import Literal, Netlist


def load_z3() -> Any:
    """The solver's module, which has no type stubs."""
    try:
        return importlib.import_module("z3")
    except ImportError as error:
        raise BackendError(
            "some units are proved with z3, which is missing: pip install 'lut-opt[rtl]'"
        ) from error


def translate(
    z3: Any, netlist: Netlist, wires: Sequence[str], leaves: Mapping[str, Any]
) -> dict[str, Any]:
    """Every wire of a cone as a formula; what no gate drives and is no leaf is free."""
    found = dict(leaves)
    for wire in netlist.cone(wires):
        if wire in found:
            continue
        kind, sources = netlist.gates.get(wire, ("", ()))
        operands = [found[source] for source in sources]
        match kind:
            case "and":
                found[wire] = z3.And(*operands)
            case "not":
                found[wire] = z3.Not(operands[0])
            case "copy":
                found[wire] = operands[0]
            case "zero" | "one":
                found[wire] = z3.BoolVal(kind == "one")
            case _:
                found[wire] = z3.Bool(wire)
    return found


def number_of(
    z3: Any, bits: Sequence[Literal], values: Mapping[str, Any], width: int, *, signed: bool
) -> Any:
    """Bits, the lowest first, as a bit vector of so many bits, extended by a sign if there is."""
    found = [_bit(z3, literal, values) for literal in bits]
    vector = z3.Concat(*reversed(found)) if len(found) > 1 else found[0]
    extend = z3.SignExt if signed else z3.ZeroExt
    return extend(width - len(found), vector)


def _bit(z3: Any, literal: Literal, values: Mapping[str, Any]) -> Any:
    wire, inverted = literal
    value = values[wire] if wire else z3.BoolVal(False)
    ends = z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)
    return z3.If(value, *(ends[::-1] if inverted else ends))
