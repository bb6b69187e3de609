"""
Gates of a SystemVerilog module: area, cells and critical path, by Yosys and ABC.

    library = read_library(["NangateOpenCellLibrary_typical.lib.gz"])
    result = synthesize(systemverilog.emit(module), "pwl_gelu_i8_i8_s2m4_s2m4", library)
    print(result.area, result.delay)

The recipe is the same for whatever is compared: Yosys flattens the module to gates, ABC improves
them, then several mappers run and the smallest netlist that meets the clock is taken (the fastest
one, if none does). It depends on its inputs alone, not on the time that anything takes.

The critical path is ABC's: the library's tables, inputs that arrive at once and sharp, no load on
the outputs, no wires. Between registers it leaves out their own delay and setup time.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lut_opt.backends.liberty import Library, generic_library
from lut_opt.backends.systemverilog import BackendError

Effort = Literal["quick", "normal", "deep"]

IMPROVE = "strash; dc2; dc2; dc2; dc2"
"""What every effort does first to the network of two-input gates."""

DEEP = "&get -n; &deepsyn -I 4 -J 30; &put"
"""Randomized restructuring with a fixed seed: what turns truth tables into small logic."""

MAPPERS = {
    "area flow": "strash; dch; amap -m",
    "as it stands": "strash; amap -m",
    "area recovery": "strash; dch; map -a",
    "delay": "strash; &get -n; &dch -f; &nf; &put; buffer -c; upsize; dnsize",
    "delay, structure kept": "strash; map -B 0.9; topo; buffer -c; upsize; dnsize",
}
"""ABC scripts from a network to cells; the best result counts."""

_QUICK = ("area flow",)

TIMEOUT = 600
"""Seconds after which a run of Yosys is given up."""


@dataclass(frozen=True)
class Synthesis:
    """
    The gates of one module.

    `area` is in the library's `area_unit`, `delay` (the critical path) in its `time_unit`, and None
    where no gate is left; `netlist` is Verilog of `cells`, which counts the library's cells.
    """

    module: str
    library: Library
    cells: dict[str, int]
    area: float
    delay: float | None
    mapper: str
    netlist: str
    meets_clock: bool = True

    @property
    def gates(self) -> int:
        """Number of cells."""
        return sum(self.cells.values())


def synthesize(
    verilog: str,
    top: str,
    library: Library | None = None,
    clock_ns: float | None = None,
    effort: Effort = "normal",
    prepare: Sequence[str] = (),
) -> Synthesis:
    """
    Synthesize module `top` of a SystemVerilog text (with the modules that it instantiates).

    `library` is by default the generic gates; `clock_ns` a delay that the mapping must meet if it
    can; `effort` is `quick` (one mapper), `normal`, or `deep` (for truth tables: seconds to
    minutes, much smaller); `prepare` are further Yosys commands before registers are mapped, such
    as `clockgate`. Raises `BackendError` if Yosys is missing or refuses the text.
    """
    chosen = generic_library() if library is None else library
    names = _QUICK if effort == "quick" else tuple(MAPPERS)
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        (directory / "cells.lib").write_text(chosen.mapping_text)
        (directory / "design.sv").write_text(verilog)
        _write_scripts(directory, clock_ns, effort)
        commands = _commands(top, names, prepare)
        log = run_yosys(commands, directory)
        found = [_result(directory, log, i, name, top, chosen) for i, name in enumerate(names)]
    return _best(found, clock_ns)


def _commands(top: str, names: Sequence[str], prepare: Sequence[str]) -> list[str]:
    """One run of Yosys for all mappers."""
    commands = [
        "read_verilog -sv design.sv",
        f"hierarchy -check -top {top}",
        f"synth -flatten -noabc -top {top}",
        *prepare,
        "dfflibmap -liberty cells.lib",
        "opt_clean -purge",
        # To and-gates and inverters: the same network, improved once for all mappers.
        "abc -g AND -script improve.abc",
        "opt_clean -purge",
        "design -save improved",
    ]
    for i, _ in enumerate(names):
        commands += [
            "design -load improved",
            f"log mapper-{i}",
            f"abc -liberty cells.lib -script map{i}.abc",
            "opt_clean -purge",
            f"tee -q -o cells{i}.json stat -json",
            f"write_verilog -noattr -noexpr netlist{i}.v",
        ]
    return [*commands, "log mapper-end"]


def _write_scripts(directory: Path, clock_ns: float | None, effort: Effort) -> None:
    improve = [IMPROVE, *([DEEP] if effort == "deep" else []), "strash; map"]
    (directory / "improve.abc").write_text("; ".join(improve) + "\n")
    clock = "" if clock_ns is None else f" -D {clock_ns * 1000:.0f}"
    names = _QUICK if effort == "quick" else tuple(MAPPERS)
    for i, name in enumerate(names):
        script = re.sub(r"\b(upsize|dnsize)\b", rf"\1{clock}", MAPPERS[name])
        (directory / f"map{i}.abc").write_text(f"{script}; stime\n")


def _result(
    directory: Path, log: str, index: int, mapper: str, top: str, library: Library
) -> Synthesis:
    """What one mapper made."""
    statistics = json.loads((directory / f"cells{index}.json").read_text())
    cells: dict[str, int] = dict(statistics["design"].get("num_cells_by_type", {}))
    unknown = sorted(name for name in cells if name not in library.areas)
    if unknown:
        raise BackendError(
            f"{top}: {library.name} has no cell for {', '.join(unknown)}: name the Liberty file "
            "that has it too"
        )
    part = log.partition(f"mapper-{index}\n")[2].partition("mapper-")[0]
    delays = re.findall(r"Delay =\s*([\d.]+) ps", part)
    return Synthesis(
        top,
        library,
        dict(sorted(cells.items())),
        sum((library.areas[name] * count for name, count in cells.items()), 0.0),
        max(float(delay) for delay in delays) / 1000 if delays and cells else None,
        mapper,
        (directory / f"netlist{index}.v").read_text(),
    )


def _best(found: Sequence[Synthesis], clock_ns: float | None) -> Synthesis:
    """The smallest that meets the clock, or else the fastest."""
    limit = float("inf") if clock_ns is None else clock_ns
    in_time = [one for one in found if (one.delay or 0.0) <= limit]
    if in_time:
        return min(in_time, key=lambda one: (one.area, one.delay or 0.0))
    fastest = min(found, key=lambda one: (one.delay or 0.0, one.area))
    return replace(fastest, meets_clock=False)


def run_yosys(commands: Sequence[str], directory: Path) -> str:
    """
    Run Yosys commands in a directory; returns the log, without colours.

    The wheel `pyosys` is taken if it is installed, else the program `yosys`. Either runs in a
    process of its own, since an error ends it.
    """
    (directory / "script.ys").write_text("\n".join(commands) + "\n")
    try:
        done = subprocess.run(
            _yosys(), cwd=directory, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BackendError(f"Yosys took more than {TIMEOUT} s: use less effort") from error
    log = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
    failed = re.search(r"^.*(?:ERROR:|cmd error:).*$", log, re.MULTILINE)
    if done.returncode or failed:
        message = failed[0].strip() if failed else log.strip()[-500:]
        raise BackendError(f"Yosys cannot synthesize the SystemVerilog: {message}")
    return log


def _yosys() -> list[str]:
    if importlib.util.find_spec("pyosys") is not None:
        program = "from pyosys import libyosys; "
        program += "libyosys.run_pass('script script.ys', libyosys.Design())"
        return [sys.executable, "-c", program]
    if shutil.which("yosys") is not None:
        return ["yosys", "-s", "script.ys"]
    raise BackendError(
        "synthesis needs Yosys, which is not installed: pip install 'lut-opt[synth]' or "
        "apt install yosys"
    )


__all__ = ["Effort", "Synthesis", "run_yosys", "synthesize"]
