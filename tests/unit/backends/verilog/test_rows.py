"""Yosys finds the memories of streaming units, each with a clocked read port."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.row_unit.unit import build_row_unit, row_unit

pytest.importorskip("pycde")

EXP = Table((-64, -16), (0, 16, 200), (0, 1152, 4096), param_bits=16)
RECIPROCAL = Table((1200,), (-48, -25), (7000, 5200), 4, 0, 16)
RSQRT = Table((900, 1500), (-38, -19, -13), (5300, 4260, 3700), 4, 0, 16)
SHORT, BYTE = Quantization(16, True, 2.0**-4), Quantization(8, False, 2.0**-8)
FINE = Quantization(16, True, 2.0**-10)
AFFINE = Quantization(16, True, 2.0**-13), Quantization(32, True, 2.0**-20)
UNITS = [
    row_unit("softmax", units.Softmax(SHORT, BYTE, -255, 12, EXP, RECIPROCAL), 100, 1),
    row_unit("layer", units.LayerNorm(FINE, FINE, RSQRT, 1e-5, *AFFINE), 300, 4),
    row_unit("rms", units.RMSNorm(FINE, FINE, RSQRT, 1e-5), 1),
    row_unit("wide_softmax", units.Softmax(SHORT, BYTE, -255, 12, EXP, RECIPROCAL), 30, 0, lanes=4),
    row_unit("wide_layer", units.LayerNorm(FINE, FINE, RSQRT, 1e-5, *AFFINE), 32, 1, lanes=8),
    row_unit("wide_rms", units.RMSNorm(FINE, FINE, RSQRT, 1e-5), 64, lanes=64),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "units.sv"
    path.write_text(systemverilog.emit(ModuleOp([build_row_unit(unit) for unit in UNITS])))
    return path


def run(tool: str, *arguments: str) -> str:
    """Output of a tool that must succeed; the test is skipped where it is not installed."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("top", "memories"),
    [
        ("softmax", {"scores": 116, "exps": 116}),
        ("layer", {"row": 316, "gammas": 300, "betas": 300}),
        ("rms", {"row": 17}),
        ("wide_softmax", {"scores": 24, "exps": 24}),
        ("wide_layer", {"row": 20, "gammas": 4, "betas": 4}),
    ],
)
def test_yosys_finds_the_memories(source: Path, top: str, memories: dict[str, int]) -> None:
    """Such a port is what block memories have."""
    script = f"read_verilog -sv {source}; hierarchy -top {top}; proc; opt; check -assert; "
    script += "memory -nomap; opt; "
    for name, words in memories.items():
        script += f"select -assert-count 1 t:$mem_v2 r:MEMID=\\\\{name} %i r:SIZE={words} %i "
        script += "r:RD_CLK_ENABLE=1'1 %i; "
    assert "Warning" not in run("yosys", "-p", script)
