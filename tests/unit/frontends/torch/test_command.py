"""`lut-export`: exit codes, messages, and a file that is whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the frontend needs PyTorch: pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[torch]")

from lut_opt.frontends.torch.command import main

MODELS = str(Path(__file__).with_name("models.py"))


def run(*arguments: str) -> int:
    try:
        main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_writes_the_same_bytes_twice(tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.mlir", "b.mlir")]
    for output in outputs:
        arguments = ("--arg", "width=4", "--input", "4x4xf32", "--calibrate", "random:2")
        assert run(f"{MODELS}:Net", *arguments, "-o", str(output)) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert outputs[0].read_text().count("pwl.range = ") == 4
    assert sorted(tmp_path.iterdir()) == outputs


def test_calibrates_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batches = tmp_path / "batches.npz"
    np.savez(batches, x=np.full((3, 2, 2), 5.0, np.float32))
    code = run("torch.nn:GELU", "--input", "2x2xf32", "--calibrate", str(batches))
    assert code == 0
    assert "pwl.range = [5.000000e+00, 5.062500e+00]" in capsys.readouterr().out


def test_widths_by_operator(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--input", "2x2xf32", "--calibrate", "random:1", "--bits", "6,gelu=16")
    assert run("torch.nn:GELU", *arguments) == 0
    assert "pwl.bits = 16 : i64" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((f"{MODELS}:Unsupported", "--input", "4xf32"), 1, "models.py:"),
        ((f"{MODELS}:Net", "--input", "4x9xf32"), 1, "models.py:"),
        ((f"{MODELS}:Nothing",), 2, "has no `Nothing`"),
        (("nowhere.py:Net",), 2, "no file `nowhere.py`"),
        (("nowhere.at.all:Net",), 2, "no module `nowhere.at.all`"),
        (("torch.nn:GELU", "--input", "2x2xf9"), 2, "it must look like 2x8xf32"),
        (("torch.nn:GELU", "--input", "4xf32", "--bits", "gelu"), 2, "8,gelu=16"),
        (("torch.nn:GELU", "--input", "4xf32", "--keep", "gelu"), 1, "keep names ['gelu']"),
        (("torch.nn:GELU", "--arg", "x"), 2, "it must look like width=64"),
        (("torch.nn:GELU", "--arg", "x=1"), 2, "cannot be called so"),
        (("torch.nn:GELU", "--input", "4xf32", "--calibrate", "random:0"), 2, "random:16"),
    ],
)
def test_errors(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    output = tmp_path / "out.mlir"
    output.write_text("before")
    assert run(*arguments, "-o", str(output)) == code
    assert message in capsys.readouterr().err
    assert output.read_text() == "before"
