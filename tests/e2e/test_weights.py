"""Weights of hundreds of megabytes pass through lut-opt byte for byte, twice in one process."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from lut_opt import cli

MEGABYTES = 128

X, W = "!torch.vtensor<[2,8],f32>", "!torch.vtensor<[8,8],f32>"

HEAD = f"""\
module {{
  func.func @main(%x: {X}) -> {X} {{
    %str = torch.constant.str "none"
    %w = torch.vtensor.literal(dense_resource<torch_tensor_w> : tensor<8x8xf32>) : {W}
    %y = torch.aten.mm %x, %w : {X}, {W} -> {X}
    %z = torch.aten.gelu %y, %str {{pwl.range = [-4.0, 3.96875]}} : {X}, !torch.str -> {X}
    return %z : {X}
  }}
}}
"""

PASSES = ["--lower-nonlinear-to-pwl", "--pwl-search", "--convert-pwl-to-arith"]


def digest(path: Path) -> str:
    """Hash of everything from the resource section on."""
    data = path.read_bytes()
    return hashlib.sha256(data[data.index(b"{-#") :]).hexdigest()


def test_weights_of_hundreds_of_megabytes_survive_twice_in_one_process(tmp_path: Path) -> None:
    source = tmp_path / "big.mlir"
    blob = os.urandom(MEGABYTES << 20).hex()
    source.write_text(
        f"{HEAD}\n{{-#\n  dialect_resources: {{\n    builtin: {{\n"
        f'      torch_tensor_w: "0x04000000{blob}"\n    }}\n  }}\n#-}}\n'
    )
    expected = digest(source)
    for turn in range(2):
        output = tmp_path / f"out{turn}.mlir"
        assert cli.main([str(source), *PASSES, "-o", str(output)]) == 0
        assert digest(output) == expected
        head = output.read_bytes().partition(b"{-#")[0]
        assert b"dense_resource<torch_tensor_w>" in head
        assert b"linalg.generic" in head


def test_weights_of_a_pytorch_module_arrive_in_mlir(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    frontend = pytest.importorskip("lut_opt.frontends.torch")
    torch_mlir = pytest.importorskip("torch_mlir.ir")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(256, 1024), torch.nn.GELU())
    x = torch.randn(4, 256)
    calibration = frontend.calibrate(model, [x])
    source = tmp_path / "model.mlir"
    source.write_text(frontend.export_text(model, x, calibration=calibration))
    expected = {bytes(p.detach().numpy().tobytes()) for p in model.parameters()}
    for turn in range(2):
        output = tmp_path / f"out{turn}.mlir"
        assert cli.main([str(source), *PASSES[:2], "-o", str(output)]) == 0
        text = output.read_text()
        for weight in expected:
            assert weight.hex().upper() in text
    with torch_mlir.Context() as ctx:
        ctx.allow_unregistered_dialects = True
        generic = tmp_path / "generic.mlir"
        assert cli.main([str(source), "--print-op-generic", "-o", str(generic)]) == 0
        assert "torch.aten.gelu" in str(torch_mlir.Module.parse(generic.read_text()))[:5000]
