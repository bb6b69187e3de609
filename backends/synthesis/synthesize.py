"""
Gates of a SystemVerilog module: area, cells and critical path, by Yosys and ABC.

    library = read_library(["NangateOpenCellLibrary_typical.lib.gz"])
    result = synthesize(systemverilog.emit(module), "pwl_gelu_i8_i8_s2m4_s2m4", library)
    print(result.area, result.delay)

The recipe is the same for whatever is compared: Yosys flattens the module to gates, ABC improves
them in several ways and maps each to cells in several, and the smallest netlist that meets the
clock is taken (the fastest one, if none does). It depends on its inputs alone, not on the time that
anything takes.

The critical path is ABC's: the library's tables, inputs that arrive at once and sharp, no load on
the outputs, no wires. Between registers it leaves out their own delay and setup time. OpenSTA found
12 % more for a combinational unit and 19 % more for a pipelined one (Nangate 45).
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lut_opt.backends.errors import BackendError
from lut_opt.backends.synthesis.liberty import Library, generic_library

Effort = Literal["quick", "normal", "deep"]

NETWORKS = {
    "improved": "strash; dc2; dc2; dc2; dc2",
    "as written": "strash",
    "restructured": "strash; dc2; dc2; &get -n; &deepsyn -I 1 -J 10; &put",
    "decision diagram": "collapse; bdd; muxes; strash; drw -z; drf -z",
    "restructured diagram": "collapse; bdd; muxes; strash; &get -n; &deepsyn -I 1 -J 10; &put",
}
"""ABC scripts that make a network of and-gates; `deepsyn` is randomized, with a fixed seed."""

MAPPERS = {
    "choices": "strash; dch; amap -m",
    "plain": "strash; amap -m",
    "area recovery": "strash; dch; map -a",
    "delay": "strash; &get -n; &dch -f; &nf; &put; buffer -c; upsize; dnsize",
    "delay, plain": "strash; map -B 0.9; topo; buffer -c; upsize; dnsize",
}
"""ABC scripts from a network to cells."""

_QUICK = (("improved", "choices"),)
_QUICK_CLOCKED = (("improved", "delay"),)
"""Cells that are sized, and buffers where a net drives many: what a clock asks for."""

_NORMAL = (("improved", "choices"), ("improved", "plain"), ("as written", "choices"))
_CLOCKED = (
    ("improved", "area recovery"),
    ("improved", "delay"),
    ("as written", "delay, plain"),
)
"""Besides, where there is a clock to meet."""

_DEEP = (*_NORMAL, ("restructured", "choices"), ("restructured", "plain"))
_TRUTH_TABLE = tuple(
    (network, mapper)
    for network in ("decision diagram", "restructured diagram")
    for mapper in ("choices", "plain")
)
"""For modules without registers and of few inputs only: from the function, not from the text."""

TRUTH_TABLE_BITS = 12
"""Most input bits of a module that `deep` effort also rebuilds from its truth table."""

TIMEOUT = 600
"""Seconds after which a run of Yosys is given up."""


@dataclass(frozen=True)
class Instance:
    """A cell of a netlist: the net, or the constant `"0"` or `"1"`, at each pin."""

    cell: str
    pins: dict[str, int | str]


@dataclass(frozen=True)
class Port:
    """A port of a netlist: its nets, least significant bit first."""

    is_input: bool
    bits: tuple[int | str, ...]


@dataclass(frozen=True)
class Wiring:
    """A netlist as data."""

    ports: dict[str, Port]
    instances: tuple[Instance, ...]
    names: dict[str, tuple[int | str, ...]]
    """Nets of the registers and wires that kept their names, least significant bit first."""


@dataclass(frozen=True)
class Synthesis:
    """
    The gates of one module.

    `area` is in the library's `area_unit`, `delay` (the critical path) in its `time_unit`, and None
    where no gate is left; `netlist` is Verilog of `cells`, which counts the library's cells,
    `wiring` the same as data; `recipe` names the network and the mapper that it came from.
    """

    module: str
    library: Library
    cells: dict[str, int]
    area: float
    delay: float | None
    recipe: str
    netlist: str
    wiring: Wiring
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
    can; `effort` is `quick` (one try, about a second; one that sizes cells if there is a clock),
    `normal` (three, six with a clock) or `deep` (restructured, from the truth table too where there
    is one: some ten seconds, and the smallest). `prepare` are further Yosys commands before
    registers are mapped, such as `clockgate`. Raises `BackendError` if Yosys is missing or refuses
    the text.
    """
    chosen = generic_library() if library is None else library
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        (directory / "cells.lib").write_text(chosen.mapping_text)
        (directory / "design.sv").write_text(verilog)
        tries: Sequence[tuple[str, str]] = {"quick": _QUICK, "normal": _NORMAL, "deep": _DEEP}[
            effort
        ]
        if clock_ns is not None:
            tries = _QUICK_CLOCKED if effort == "quick" else (*tries, *_CLOCKED)
        log = run_yosys(_elaborate(top, prepare), directory)
        if effort == "deep" and _is_truth_table(directory, top):
            tries = (*tries, *_TRUTH_TABLE)
        log = run_yosys(_map(directory, tries, clock_ns), directory)
        found = [_result(directory, log, i, name, top, chosen) for i, name in enumerate(tries)]
    return _best(found, clock_ns)


def _elaborate(top: str, prepare: Sequence[str]) -> list[str]:
    """From the text to gates and the library's registers, in `gates.il`."""
    return [
        "read_verilog -sv design.sv",
        f"hierarchy -check -top {top}",
        f"synth -flatten -noabc -top {top}",
        *prepare,
        "dfflibmap -liberty cells.lib",
        "opt_clean -purge",
        "write_rtlil gates.il",
        "write_json gates.json",
    ]


def _is_truth_table(directory: Path, top: str) -> bool:
    """Whether the elaborated module has few input bits and no registers."""
    module = json.loads((directory / "gates.json").read_text())["modules"][top]
    ports = module["ports"].values()
    inputs = sum(len(port["bits"]) for port in ports if port["direction"] == "input")
    # Yosys's own gates are `$_AND_` and the like; registers are cells of the library by now.
    gates = all(cell["type"].startswith("$_") for cell in module["cells"].values())
    return gates and inputs <= TRUTH_TABLE_BITS


def _map(directory: Path, tries: Sequence[tuple[str, str]], clock_ns: float | None) -> list[str]:
    """All networks, each made once, and all ways to map them, in one run of Yosys."""
    clock = "" if clock_ns is None else f" -D {clock_ns * 1000:.0f}"
    commands = ["read_rtlil gates.il", "design -save elaborated"]
    networks = list(dict.fromkeys(network for network, _ in tries))
    for i, network in enumerate(networks):
        (directory / f"network{i}.abc").write_text(f"{NETWORKS[network]}; strash; map\n")
        commands += [
            "design -load elaborated",
            # To and-gates and inverters, which a later strash turns into the same network again.
            f"abc -g AND -script network{i}.abc",
            "opt_clean -purge",
            f"design -save network{i}",
        ]
    for i, (network, mapper) in enumerate(tries):
        script = re.sub(r"\b(upsize|dnsize)\b", rf"\1{clock}", MAPPERS[mapper])
        (directory / f"map{i}.abc").write_text(f"{script}; stime\n")
        commands += [
            f"design -load network{networks.index(network)}",
            f"log mapper-{i}",
            f"abc -liberty cells.lib -script map{i}.abc",
            "opt_clean -purge",
            f"tee -q -o cells{i}.json stat -json",
            f"write_verilog -noattr -noexpr netlist{i}.v",
            f"write_json netlist{i}.json",
        ]
    return [*commands, "log mapper-end"]


def _result(
    directory: Path, log: str, index: int, recipe: tuple[str, str], top: str, library: Library
) -> Synthesis:
    """What one try made."""
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
        ", ".join(recipe),
        (directory / f"netlist{index}.v").read_text(),
        _wiring(directory / f"netlist{index}.json", top),
    )


def _wiring(path: Path, top: str) -> Wiring:
    module = json.loads(path.read_text())["modules"][top]
    ports = {
        name: Port(port["direction"] == "input", tuple(port["bits"]))
        for name, port in module["ports"].items()
    }
    instances = [
        Instance(cell["type"], {pin: bits[0] for pin, bits in cell["connections"].items()})
        for cell in module["cells"].values()
    ]
    names = {
        name: tuple(net["bits"]) for name, net in module["netnames"].items() if not net["hide_name"]
    }
    return Wiring(ports, tuple(instances), names)


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
    pipe = subprocess.PIPE
    with subprocess.Popen(
        _yosys(), cwd=directory, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as running:
        try:
            said = "".join(running.communicate(timeout=TIMEOUT))
        except BaseException as error:
            # What it has started, abc, would go on.
            os.killpg(running.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                text = f"Yosys took more than {TIMEOUT} s: use less effort"
                raise BackendError(text) from error
            raise
    log = re.sub(r"\x1b\[[\d;]*m", "", said)
    failed = re.search(r"^.*(?:ERROR:|cmd error:).*$", log, re.MULTILINE)
    if running.returncode or failed:
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


__all__ = ["Effort", "Instance", "Port", "Synthesis", "Wiring", "run_yosys", "synthesize"]
