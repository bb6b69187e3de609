"""
The registers of a programmable unit as a C header: where the words are, and each table's writes.

    uint64_t data = pwl_…_gelu[i].data;      // write it to pwl_…_gelu[i].address, for every i

Addresses count words, and data is right-aligned; how a bus reaches them is the system's affair.
"""

from __future__ import annotations

import re

from lut_opt.dialects.pwl.hardware import AxisUnit, HardwareUnit, ProgrammableUnit, StreamUnit


def header_of(unit: HardwareUnit) -> str | None:
    """The header of a programmable unit, also of one within a stream; None for any other."""
    while isinstance(unit, AxisUnit | StreamUnit):
        unit = unit.unit
    return _header(unit) if isinstance(unit, ProgrammableUnit) else None


def _header(unit: ProgrammableUnit) -> str:
    prefix, layout = unit.module, unit.layout
    upper = prefix.upper()
    lines = [
        f"/* {prefix}: its words, and the writes that load each table. */",
        f"#ifndef {upper}_H",
        f"#define {upper}_H",
        "",
        "#include <stdint.h>",
        "",
        f"#define {upper}_ADDRESS_BITS {layout.address_bits}",
        f"#define {upper}_DATA_BITS {layout.data_bits}",
    ]
    for name, place in layout.describe().items():
        lines += [f"#define {upper}_{name.upper()}_{k.upper()} {v}" for k, v in place.items()]
    lines += ["", f"struct {prefix}_write {{ uint16_t address; uint64_t data; }};"]
    taken: set[str] = set()
    for program in unit.programs:
        name = re.sub(r"\W+", "_", program.function).strip("_")
        while name in taken:
            name += "_"
        taken.add(name)
        writes = ", ".join(f"{{{at}, {data:#x}}}" for at, data in program.writes)
        scales = f"x * {program.operand.scale!r}, y * {program.result.scale!r}"
        lines += ["", f"/* {program.function}: {scales} */"]
        lines.append(f"static const struct {prefix}_write {prefix}_{name}[] = {{{writes}}};")
    return "\n".join([*lines, "", "#endif", ""])


__all__ = ["header_of"]
