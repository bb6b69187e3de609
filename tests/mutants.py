"""SystemVerilog with one thing changed: whoever checks it must notice, if it makes a difference."""

from __future__ import annotations

import re
from collections.abc import Callable

CONSTANT = re.compile(r"(?<![\w'])(\d+)'(s?)h([0-9A-F]+)\b")
REGISTER = re.compile(
    r"  reg  ( *(?:\[\d+:0\])? +)(\w+);\n  always_ff @\(posedge clock\) begin\n    if \(reset\)\n"
    r"      \2 <= [^;]*;\n    else\n      \2 <=\s+([^;]*);\n  end // always_ff @\(posedge\)\n"
)


def changed_constant(match: re.Match[str]) -> str:
    width, value = int(match[1]), int(match[3], 16)
    return f"{width}'{match[2]}h{(value + 1) % (1 << width):X}"


def mutants(text: str) -> dict[str, str]:
    """By what was changed: the text with one constant, comparison, sign or register changed."""
    made: dict[str, str] = {}

    def change(what: str, pattern: str | re.Pattern[str], by: Callable[..., str] | str) -> None:
        for match in re.finditer(pattern, text):
            new = by if isinstance(by, str) else by(match)
            line = text.count("\n", 0, match.start()) + 1
            key = f"{what} {match[0].split('(')[0].strip()!r} of line {line}, {len(made)}"
            made[key] = text[: match.start()] + new + text[match.end() :]

    change("constant", CONSTANT, changed_constant)
    change("comparison", r" > ", " >= ")
    change("comparison", r" < ", " <= ")
    change("operator", r" \^ ", " | ")
    change("operator", r" \+ ", " - ")
    change("sign", r"\$signed\((x|denominator)\)", lambda m: m[1])
    change("register", REGISTER, lambda m: f"  wire {m[1]}{m[2]} = {m[3]};\n")
    return made


def few(found: dict[str, str], each: int) -> dict[str, str]:
    """About so many of each kind, from the whole text."""
    kinds = sorted({what.split()[0] for what in found})
    of_kind = [[what for what in found if what.startswith(kind)] for kind in kinds]
    chosen = [what for group in of_kind for what in group[:: -(-len(group) // each)]]
    return {what: found[what] for what in chosen}
