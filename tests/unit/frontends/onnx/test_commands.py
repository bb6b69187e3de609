"""The three commands on an ONNX file: sizes, names of arrays, and messages."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")
onnx: Any = pytest.importorskip("onnx", reason="pip install lut-opt[onnx]")

from lut_opt.cli.check import main as check
from lut_opt.cli.compile import main as compile
from lut_opt.frontends.torch.command import main as export

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two inputs, `x` of any batch and `y` of one number, and batches for it."""
    made = tmp_path_factory.mktemp("onnx")
    helper, kind = onnx.helper, onnx.helper.make_tensor_value_info
    nodes = [
        helper.make_node("Mul", ["x", "y"], ["p"], name="/scale"),
        helper.make_node("Tanh", ["p"], ["z"], name="/act/Tanh"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            kind("x", 1, ["n", 8]),
            kind("y", 1, []),
        ],
        [kind("z", 1, ["n", 8])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), made / "m.onnx"
    )
    x, y = RNG.normal(size=(4, 3, 8)).astype(np.float32), np.full(4, 2, np.float32)
    np.savez(made / "named.npz", y=y, x=x)
    np.savez(made / "ordered.npz", x, y)
    np.savez(made / "other.npz", x=x, z=y)
    np.savez(made / "double.npz", x=x.astype(np.float64), y=y)
    np.savez(made / "wide.npz", x=np.tile(x, 2), y=y)
    np.savez(made / "more.npz", x=np.tile(x, (1, 2, 1)), y=y)
    return made


def run(command: Callable[[Sequence[str]], int | None], *arguments: str) -> int:
    try:
        return command(arguments) or 0
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.mark.parametrize("batches", ["named", "ordered"])
def test_export_takes_sizes_from_the_batches(
    batches: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(folder / "m.onnx")
    assert run(export, path, "--calibrate", str(folder / f"{batches}.npz")) == 0
    text = capsys.readouterr().out
    assert "!torch.vtensor<[3,8],f32>" in text
    assert text.count("pwl.range = ") == 1
    assert f'loc("/act/Tanh"("{path}":2:0))' in text


def test_check_and_compile(folder: Path, tmp_path: Path) -> None:
    given = (str(folder / "m.onnx"), "--calibrate", str(folder / "named.npz"))
    assert run(check, *given, "--require", "cosine >= 0.999") == 0
    given = (*given[:2], "random:4", "--input", "2x8xf32", "--input", "f32")
    assert run(compile, *given, "-o", str(tmp_path / "build"), "--no-hardware") == 0
    assert "/act/Tanh" in (tmp_path / "build" / "torch.mlir").read_text()
    assert (tmp_path / "build" / "tables.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("m.onnx", "--calibrate", "other.npz"), 2, "it has arrays x, z; the model's inputs are x"),
        (("m.onnx", "--calibrate", "double.npz"), 1, "input `x` is 3x8xfloat64, but nx8xfloat32"),
        (("m.onnx", "--calibrate", "wide.npz"), 1, "input `x` is 3x16xfloat32, but nx8xfloat32"),
        (("m.onnx", "--calibrate", "random:2"), 2, "say its sizes with --input"),
        (("m.onnx", "--input", "3x8xf32"), 2, "1 inputs are given for the 2 of"),
        (("m.onnx", "--arg", "a=1"), 2, "--arg is for a class or a factory"),
        (("m.onnx", "--dynamic", "x:0"), 2, "leave --dynamic out"),
        (("none.onnx",), 1, "no file"),
        (("named.npz",), 2, "it must look like package.module:Name, model.py:Name or model.onnx"),
        (
            ("m.onnx", "--input", "6x8xf32", "--input", "f32", "--calibrate", "named.npz"),
            2,
            "batches of `x` are 3x8xf32, but the model takes 6x8xf32",
        ),
    ],
)
def test_errors(
    arguments: tuple[str, ...],
    code: int,
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    assert run(export, *arguments, "-o", "out.mlir") == code
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith(("lut-export: error: ", "m.onnx:"))
    assert not Path("out.mlir").exists()


def test_held_out_batches_are_of_the_same_sizes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run(check, "m.onnx", "--calibrate", "named.npz", "--held-out", "more.npz") == 2
    assert "--held-out more.npz: batches of `x` are 6x8xf32" in capsys.readouterr().err
