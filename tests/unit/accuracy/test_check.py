"""A model measured: held-out batches, each operator alone, requirements, and bad input."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

import model_files
from model_files import batches

import lut_opt
from lut_opt.accuracy import Accuracy, CheckError, RequirementError
from lut_opt.accuracy.checking import split
from lut_opt.accuracy.report import record
from lut_opt.backends.execute import torch_input
from lut_opt.cli.check import main
from lut_opt.frontends.torch.reference import BatchError

NETWORKS = Path(__file__).with_name("networks.py")


def network(name: str) -> Any:
    return model_files.network(NETWORKS, name)


@pytest.fixture(scope="module")
def measured() -> Accuracy:
    return lut_opt.check(
        network("Net"), batches(), require=["cosine >= 0.99 and sqnr >= 99", lambda a, b: 1.0]
    )


def test_outputs_have_names_and_figures(measured: Accuracy) -> None:
    assert list(measured.outputs) == ["p", "more.0", "label"]
    assert (measured.seen, measured.held_out) == (6, 2)
    assert {each.samples for each in measured.outputs.values()} == {8}
    for name in ("p", "more.0"):
        figures, real = measured.outputs[name], measured.real[name]
        assert figures.cosine is not None
        assert real.sqnr is not None
        assert 0.99 < figures.cosine < 1
        # In real numbers the program is PyTorch's, but for the rounding of float32.
        assert real.sqnr > 100
    assert measured.outputs["label"].cosine is None
    assert (measured.outputs["label"].agreement or 0) > 0.8


def test_each_operator_alone_the_worst_first(measured: Accuracy) -> None:
    found = {(each.name, each.layer) for each in measured.operators}
    assert found == {("gelu", "act"), ("layer_norm", "norm"), ("softmax", "")}
    assert all(each.location.startswith(f"{NETWORKS}:") for each in measured.operators)
    costs = [each.sqnr for each in measured.operators]
    assert costs == sorted(costs)
    whole = min(each.sqnr for each in measured.outputs.values() if each.sqnr is not None)
    assert 20 < costs[0] < whole + 6


def test_requirements_and_tables(measured: Accuracy) -> None:
    assert [each.met for each in measured.verdicts] == [True, False, True]
    assert not measured.met
    text = str(measured)
    assert "held out: 2 batches, 8 samples; calibrated on 6 others" in text
    assert "NOT MET: sqnr >= 99: " in text
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("operator alone"))
    assert len({line.index("dB") for line in lines[at + 1 : at + 4]}) == 1
    again = json.loads(json.dumps(record(measured), allow_nan=False))
    assert again["outputs"]["label"]["cosine"] is None
    assert [each["name"] for each in again["operators"]] == [e.name for e in measured.operators]


def test_batches_are_split() -> None:
    assert split([0, 1]) == ([0], [1])
    assert split(list(range(9))) == ([0, 1, 2, 4, 5, 6, 8], [3, 7])


NAN = [torch.ones(4, 3, 8), torch.full((4, 3, 8), float("nan"))]


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        ([], {}, CheckError, "no batch is given"),
        (batches(1), {}, CheckError, "at least 2 are needed"),
        (batches(2), {"held_out": []}, CheckError, "held-out data holds no batch"),
        (NAN, {}, BatchError, "input 0 of batch 1 holds NaN"),
        ([*batches(2), torch.ones(2, 3, 8)], {}, BatchError, "is 2x3x8xfloat32"),
        (batches(2), {"require": "cosine => 1"}, RequirementError, "cannot be read"),
    ],
)
def test_what_cannot_be_measured(
    data: list[Any], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        lut_opt.check(network("Net"), data, **options)


def test_a_model_without_floats() -> None:
    with pytest.raises(CheckError, match="returns no floats"):
        lut_opt.check(network("Labels"), batches(2))


def test_an_operator_that_is_compiled_wrongly_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch-mlir does with negative pads."""
    shifted = torch.nn.Sequential(torch.nn.ZeroPad2d((0, 0, 1, -1)), torch.nn.GELU())
    batches = [torch.randn(2, 4, 8) for _ in range(4)]
    right = lut_opt.check(shifted, batches)
    assert not right.strays
    monkeypatch.setattr(torch_input, "_crop_before_pads", lambda module: None)
    wrong = lut_opt.check(shifted, batches)
    assert wrong.strays
    assert "is compiled otherwise than PyTorch computes it" in str(wrong)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "data.npz", tmp_path / "out.json"
    np.savez(data, x=np.stack([x.numpy() for x in batches(4)]))
    arguments = [f"{NETWORKS}:Net", "--input", "4x3x8xf32", "--calibrate", str(data)]
    keep = ["--lower-nonlinear-to-pwl=keep=gelu,layer_norm", "--pwl-search=entries=4"]
    code = main([*arguments, *keep, "--json", str(out), "--require", "sqnr >= 90"])
    seen = capsys.readouterr()
    assert code == 1
    assert [each["name"] for each in json.loads(out.read_text())["operators"]] == ["softmax"]
    assert seen.out.startswith("held out: 1 batch, 4 samples; calibrated on 3 others\n")
    assert "error: sqnr >= 90 is not met; `softmax` at " in seen.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "no data: give batches with --calibrate"),
        (["--calibrate", "random:1"], 1, "at least 2 are needed"),
        (["--calibrate", "nowhere.npz"], 2, "--calibrate nowhere.npz: no such file"),
        (["--calibrate", str(NETWORKS)], 2, "not an .npz file"),
        (["--calibrate", "random:4", "--require", "cosin >= 1"], 2, "did you mean cosine"),
        (["--calibrate", "random:4", "--json", "/nowhere/x.json"], 1, "cannot write"),
        (["--calibrate", "random:4", "--pwl-search=entries=0"], 2, "entries must be at least 1"),
        (["--calibrate", "random:4", "--dynamic", "y:0=b"], 2, "begin with an input: x"),
        (["--calibrate", "random:4", "--dynamic", "x:7=b"], 2, "`x` has no axis 7"),
        (["--calibrate", "random:4", "--dynamic", "x:0=b:x"], 2, "must be an axis, as in"),
    ],
)
def test_errors_of_the_command(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"{NETWORKS}:Net", "--input", "4x3x8xf32", *arguments]) == code
    seen = capsys.readouterr()
    assert message in seen.err
    assert seen.out == ""
    assert len(seen.err.splitlines()) == 1
