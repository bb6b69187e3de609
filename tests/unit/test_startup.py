"""What a run imports: the dialects and passes that it names, and what these need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TANH = """\
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = math.tanh %x {pwl.range = [-4.0, 3.96875]} : tensor<4xf32>
  func.return %y : tensor<4xf32>
}
"""

TABLE = """\
!q = !quant.uniform<i8:f32, 1.0>
func.func @f(%x: !q) -> !q {
  %y = pwl.apply #pwl.fn<tanh> %x
    table #pwl.table<i8, breakpoints = [0], slopes = [0, 1], intercepts = [0, 0]> : !q -> !q
  func.return %y : !q
}
"""

RUN = """\
import sys
from lut_opt.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
assert code == 0, code
print("imported:", *sys.modules)
"""

HEAVY = {"numpy", "torch", "pycde", "z3", "torch_mlir", "iree", "matplotlib"}
"""What takes long to import, of other projects."""

DRIVER = {"backends.targets", "cli.arguments", "cli.files", "cli.session", "universe"}
"""What every run imports."""

ASSEMBLY = {"dialects.assembly", "dialects.foreign", "dialects.literals", "passes.support"}
"""What reads text and says what is wrong with it."""

TABLES = {"dialects.pwl", "dialects.quantization"}
QUANT = {"dialects.quant", "dialects.quant_scale", "dialects.quant_types"}
SEARCH = {"passes.pwl_search", "passes.search", "passes.tabulate"}
"""Strategies have the options of the search, so that its help needs them."""

LOWER = {"passes.decompose", "passes.fuse", "passes.lower", "passes.quantize", "passes.recognize"}


def imported(*arguments: str) -> tuple[set[str], set[str], set[str]]:
    """Folders and files of ours, heavy packages, and dialects of xDSL that a run imports."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names = done.stdout.rpartition("imported:")[2].split()
    ours = {".".join(name.split(".")[1:3]) for name in names if name.startswith("lut_opt.")}
    # A folder without anything of it is its docstring.
    ours -= {"backends", "cli", "dialects", "passes"}
    dialects = {name.split(".")[2] for name in names if name.startswith("xdsl.dialects.")}
    return ours, HEAVY & set(names), dialects - {"utils"}


def test_help_imports_descriptions() -> None:
    ours, heavy, dialects = imported("--help")
    passes = {
        "passes.lower_nonlinear_to_pwl",
        "passes.verify_pwl",
        "passes.convert_pwl_to_arith",
        "passes.convert_quantized_to_integer",
        "passes.convert_pwl_to_hw",
        "passes.lower_torch_to_lutnet",
        "passes.convert_lutnet_to_arith",
        "passes.convert_lutnet_to_hw",
        "passes.pipelines",
        "passes.arith",
        "passes.hw",
        "passes.support",
    }
    assert ours == DRIVER | TABLES | SEARCH | passes
    assert heavy == {"numpy"}
    assert dialects == {"builtin"}


def test_help_imports_no_operation_of_ours() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--help"], capture_output=True, text=True, check=False
    )
    names = done.stdout.rpartition("imported:")[2].split()
    parts = ("lut_opt.dialects.pwl.", "lut_opt.passes.arith.", "lut_opt.passes.hw.")
    assert {name for name in names if name.startswith(parts)} == {
        "lut_opt.dialects.pwl.certificate",
        "lut_opt.dialects.pwl.functions",
        "lut_opt.dialects.pwl.functions.activations",
        "lut_opt.dialects.pwl.functions.elementary",
        "lut_opt.dialects.pwl.functions.function",
        "lut_opt.dialects.pwl.functions.scalar",
        "lut_opt.dialects.pwl.request",
        "lut_opt.dialects.pwl.table",
        "lut_opt.passes.arith.options",
        "lut_opt.passes.hw.cost",
        "lut_opt.passes.hw.cost.model",
        "lut_opt.passes.hw.options",
        "lut_opt.passes.hw.table_unit",
        "lut_opt.passes.hw.table_unit.circuits",
    }


def test_tables_import_no_code_and_no_hardware(tmp_path: Path) -> None:
    source = tmp_path / "tanh.mlir"
    source.write_text(TANH)
    ours, heavy, dialects = imported(str(source), "--lower-nonlinear-to-pwl", "--pwl-search")
    # Operators of torch are recognized whether there are any or not.
    lowering = {"passes.lower_nonlinear_to_pwl", "dialects.torch"} | LOWER | QUANT
    assert ours == DRIVER | ASSEMBLY | TABLES | SEARCH | lowering
    assert heavy == {"numpy"}
    # What is left in floating point is looked for inside `linalg.generic`, too.
    assert dialects == {"arith", "builtin", "func", "linalg", "math"}


def test_hardware_imports_no_search_and_no_lowering(tmp_path: Path) -> None:
    pytest.importorskip("pycde")
    source = tmp_path / "table.mlir"
    source.write_text(TABLE)
    ours, heavy, dialects = imported(str(source), "--convert-pwl-to-hw", "-t", "systemverilog")
    hardware = {"passes.convert_pwl_to_hw", "passes.hw", "backends.verilog", "backends.errors"}
    assert ours == DRIVER | ASSEMBLY | TABLES | QUANT | hardware | {
        "dialects.memory",
        "dialects.storage",
        "dialects.wires",
    }
    assert heavy == {"numpy", "pycde"}
    assert dialects == {"arith", "builtin", "comb", "func", "hw", "math", "seq"}
