"""The commands that do by hand what `lut_opt.compile` did."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any

from xdsl.passes import ModulePass

from lut_opt.compiling.network import Network
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.support.options import options, show


def script(network: Network, *, hardware: bool = True) -> str:
    """The commands, as a script that writes into a folder of its own."""
    lines = commands(network, hardware=hardware)
    return "\n".join(
        [
            "#!/bin/sh",
            "# Make these files of torch.mlir again, in the folder that is named (default: again).",
            "set -e",
            'cd "$(dirname "$0")"',
            'out="${1:-again}"',
            'mkdir -p "$out"',
            *lines,
            "",
        ]
    )


def commands(network: Network, *, hardware: bool = True) -> list[str]:
    """The commands that do by hand what was done, one a line."""
    recipe = network.recipe
    tables = [_flag(recipe.lower), _flag(recipe.search), "--print-debuginfo"]
    made = '"$out/tables.mlir"'
    lines = [
        f"lut-opt torch.mlir {' '.join(tables)} -o {made}",
        f'lut-opt {made} {_flag(recipe.convert)} -o "$out/arith.mlir"',
        f'lut-opt {made} -t json -o "$out/tables.json"',
    ]
    if hardware:
        flag = _flag(ConvertPwlToHwPass())
        lines += [
            f'lut-opt {made} {flag} -t systemverilog -o "$out/units.sv"',
            f'lut-opt {made} {flag} -t bundle -o "$out/units"',
        ]
    return lines


def _flag(a_pass: ModulePass) -> str:
    """`--pass` or `--pass="k=v k=v"`."""
    text = _options(type(a_pass), [a_pass, *getattr(a_pass, "configs", ())])
    return f"--{a_pass.name}" + (f"={shlex.quote(text)}" if text else "")


def _options(kind: type[Any], parts: Sequence[Any]) -> str:
    """Options that are not the defaults, as text."""
    words: list[str] = []
    for key, option in options(kind).items():
        owner = next((part for part in parts if isinstance(part, option.owner)), None)
        if owner is None or not dataclasses.is_dataclass(owner):
            continue
        value = getattr(owner, option.name)
        if value != option.default:
            words.append(f"{key}={show(value)}")
    return " ".join(words)
