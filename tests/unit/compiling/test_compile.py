"""The one call: results, choice, files that its own script makes again, and bad input."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

import model_files
from model_files import batches

import lut_opt
from lut_opt.accuracy import CheckError, Recipe, RequirementError
from lut_opt.backends.errors import BackendError
from lut_opt.cli.compile import main
from lut_opt.compiling import Compiled, CompileError, candidates, choice, folder, one_call
from lut_opt.compiling.candidates import Setting, table_bits
from lut_opt.frontends.torch.reference import BatchError
from lut_opt.passes.pwl_search import PwlSearchPass

NETWORKS = Path(__file__).with_name("networks.py")
FEW = (Setting(8, 2, 6), Setting(8, 4, 8), Setting(8, 8, 8), Setting(10, 8, 10))
"""Settings enough to choose from."""


def network(name: str) -> Any:
    return model_files.network(NETWORKS, name)


@pytest.fixture(scope="module")
def chosen() -> Compiled:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "SETTINGS", FEW)
        data = batches()
        return lut_opt.compile(network("Two"), data[0], calibrate=data, target="sqnr >= 28")


def test_what_matters_gets_the_bits(chosen: Compiled) -> None:
    assert chosen.accuracy.met
    assert (chosen.accuracy.verdicts[0].value or 0) >= 28
    assert chosen.choice is not None
    bits = {group.name: each.bits for group, each in chosen.choice.candidates}
    noise = {group.name: group.candidates[0].noise for group, _ in chosen.choice.candidates}
    assert bits["sigmoid"] < bits["tanh"]
    assert noise["sigmoid"] < noise["tanh"] / 100
    assert chosen.table_bits == sum(bits.values())
    assert not chosen.choice.is_largest


def test_the_settings_are_those_of_the_tables(chosen: Compiled) -> None:
    assert chosen.choice is not None
    wanted = {
        group.name: (each.setting.bits, each.setting.entries, each.setting.param_bits)
        for group, each in chosen.choice.candidates
    }
    found = {
        each["function"]: (each["input_bits"], each["entries"], each["param_bits"])
        for each in chosen.tables
    }
    assert found == wanted
    assert table_bits(candidates.units_of(chosen.program)) == chosen.table_bits


def test_arrays_and_tensors(chosen: Compiled) -> None:
    x = batches()[3]
    y = chosen(x)
    assert isinstance(y, torch.Tensor)
    assert np.array_equal(chosen(x.numpy()), y.numpy())
    with torch.no_grad():
        assert np.abs(y.numpy() - network("Two")(x).numpy()).max() < 0.1
    with pytest.raises(BatchError, match="takes 1 arguments as its example; got 2"):
        chosen(x, x)


def test_the_report_shows_all_of_it(chosen: Compiled, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    chosen.report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    for part in ("Accuracy", "Sensitivity", "Choice", "Commands", "Time", "target sqnr"):
        assert part in text
    with pytest.raises(BackendError, match="cannot write"):
        chosen.report(tmp_path / "none" / "report.html")


def test_the_script_makes_the_files_again(chosen: Compiled, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    pytest.importorskip("pycde")
    chosen.save(tmp_path / "build")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["sh", tmp_path / "build" / "reproduce.sh", "again"],
        check=True, env=os.environ | {"PATH": path},
    )  # fmt: skip
    again = tmp_path / "build" / "again"
    made = {str(p.relative_to(again)) for p in again.rglob("*") if p.is_file()}
    own = {
        str(p.relative_to(tmp_path / "build"))
        for p in (tmp_path / "build").rglob("*")
        if p.is_file() and again not in p.parents
    }
    only = {"torch.mlir", "reproduce.sh", "report.html", "accuracy.json"}
    assert own - made == only
    assert {"arith.mlir", "tables.json", "tables.mlir", "units.sv"} < made
    for name in made:
        assert (again / name).read_text() == (tmp_path / "build" / name).read_text(), name
    with pytest.raises(BackendError, match="not an empty folder"):
        chosen.save(tmp_path / "build")


def test_names_and_tuples_without_a_target() -> None:
    data = batches(3)
    named = lut_opt.compile(network("Named"), calibrate=data, operators=False)
    result = named(data[0])
    assert list(result) == ["logits", "label"]
    assert named.choice is None
    assert named.accuracy.met
    exported = torch.export.export(network("Pair").eval(), (data[0],))
    pair = lut_opt.compile(exported, data[0], calibrate=data, operators=False)
    one, two = pair(data[0].numpy())
    assert np.array_equal(2 * one, two)
    assert np.array_equal(one, result["logits"].numpy())


def test_iree_computes_the_same() -> None:
    pytest.importorskip("iree.runtime", reason="pip install lut-opt[iree]")
    data = batches(3)
    by_iree = lut_opt.compile(network("Pair"), calibrate=data, operators=False, backend="iree")
    by_jit = lut_opt.compile(network("Pair"), calibrate=data, operators=False)
    assert (by_iree.backend, by_jit.backend) == ("iree", "jit")
    # Sums of floats are in another order, so that single inputs of tables may round differently.
    pairs = zip(by_iree(data[0]), by_jit(data[0]), strict=True)
    assert all(np.allclose(a, b, atol=0.05) for a, b in pairs)
    assert (by_iree.accuracy.outputs["0"].sqnr or 0) > 20


@pytest.mark.parametrize(("target", "passes"), [(28, 1), (62, 2)])
def test_tables_of_many_entries_are_searched_where_they_might_pay(
    target: int, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def sensitivity(*arguments: Any) -> Any:
        known = choice.sensitivity(*arguments)
        sizes.append(len(known.programs))
        return known

    monkeypatch.setattr(candidates, "SETTINGS", (*FEW, Setting(16, 16, 12), Setting(16, 32, 14)))
    monkeypatch.setattr(one_call, "sensitivity", sensitivity)
    made = lut_opt.compile(
        network("Two"), calibrate=batches(), target=f"sqnr >= {target}", operators=False
    )
    assert sizes == [len(FEW), len(FEW) + 2][:passes]
    assert made.choice is not None
    assert (max(each.setting.entries for each in made.choice.chosen) > 8) == (passes > 1)


def test_less_area_is_another_aim() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "SETTINGS", FEW)
        made = lut_opt.compile(
            network("Two"), calibrate=batches(), target="sqnr >= 28", cost="area", operators=False
        )
    assert made.accuracy.met
    assert made.choice is not None
    known: dict[Any, float] = {}
    units = candidates.units_of(made.program)
    area = sum(each.area or 0 for each in made.choice.chosen)
    # What was chosen was searched to the end: other constants, of the same widths.
    assert area == pytest.approx(candidates.table_area(units, known), rel=0.2)
    assert len(known) == 2
    for group in made.choice.ladder.groups:
        areas = [each.area or 0 for each in group.candidates]
        assert areas == sorted(areas)
        assert areas[0] > 0


def test_a_choice_that_is_bred_meets_a_target_that_only_a_function_knows() -> None:
    """Of the largest of each row, nine of ten must stay where they are: no noise says that."""

    def agrees(wanted: Any, found: Any) -> float:
        return float((wanted.argmax(-1) == found.argmax(-1)).mean()) - 0.9

    costs: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "SETTINGS", FEW)
        for choice in ("ladder", "genetic"):
            made = lut_opt.compile(
                network("Two"), calibrate=batches(), target=agrees, choice=choice, operators=False
            )
            assert made.accuracy.met
            costs.append(made.table_bits)
    assert costs[1] <= costs[0]


def test_a_dynamic_batch() -> None:
    data = [batch[: 2 + i % 2] for i, batch in enumerate(batches(4))]
    with pytest.raises(BatchError, match="is 3x3x8xfloat32, that of the first 2x3x8xfloat32"):
        lut_opt.compile(network("Two"), calibrate=data)
    sizes = ({0: torch.export.Dim("batch")},)
    any_batch = lut_opt.compile(
        network("Two"), calibrate=data, dynamic_shapes=sizes, operators=False
    )
    assert any_batch(torch.ones(5, 3, 8)).shape == (5, 3, 4)


def test_what_is_missing_is_said_before_anything_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"pip install 'lut-opt\[report,rtl\]', or leave the"):
        folder.check_tools(hardware=True)
    with pytest.raises(BackendError, match=r"pip install 'lut-opt\[report\]'$"):
        folder.check_tools(hardware=False)


def on_meta() -> Any:
    return network("Two").to("meta")


NAN = [torch.full((4, 3, 8), float("nan"))]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"calibrate": []}, CompileError, "calibrate= holds no batch"),
        ({"calibrate": batches(1)}, CompileError, "holds one batch: at least 2"),
        ({"calibrate": [*batches(2), *NAN]}, BatchError, "batch 3 holds NaN.*example_inputs"),
        ({"calibrate": [torch.ones(2, 3, 8)] * 2}, BatchError, "is 2x3x8xfloat32, that of"),
        ({"model": on_meta()}, BatchError, "`up.weight` of the model is on meta: move it"),
        ({"model": lambda x: x}, CompileError, "function is no model: give an nn.Module"),
        ({"target": "cosine >= high"}, RequirementError, "`high` is not a number"),
        ({"target": 0.999}, RequirementError, "0.999 is no requirement"),
        ({"backend": "gpu"}, CompileError, "must be one of jit, iree"),
        ({"cost": "price"}, CompileError, "must be one of bits, area"),
        ({"held_out": []}, CheckError, "the held-out data holds no batch"),
        ({"held_out": NAN}, BatchError, "batch 3 holds NaN"),
        ({"held_out": [torch.ones(4, 3, 7)]}, BatchError, "is 4x3x7xfloat32, that of"),
        (
            {
                "model": torch.nn.Flatten(),
                "calibrate": [torch.ones(4, 3, 8).int()] * 2,
                "example_inputs": None,
            },
            CheckError,
            "the model returns no floats",
        ),
        ({"choice": "lottery"}, CompileError, "choice='lottery': it must be one of ladder, gen"),
        (
            {"target": "sqnr >= 1", "recipe": Recipe(search=PwlSearchPass(entries=4))},
            CompileError,
            "a target finds the entries",
        ),
    ],
)
def test_bad_input(options: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"model": network("Two"), "example_inputs": batches()[0], "calibrate": batches(2)}
    with pytest.raises(error, match=message):
        lut_opt.compile(**(given | options))


@pytest.mark.parametrize("place", ["file/build", "file", "/proc/nowhere/build"])
def test_a_folder_that_cannot_be_written(chosen: Compiled, place: str, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BackendError, match=r"cannot write|not an empty folder"):
        chosen.save(tmp_path / place, hardware=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def arguments(*more: str) -> list[str]:
    return [f"{NETWORKS}:Two", "--input", "4x3x8xf32", "--calibrate", "random:8", *more]


def test_the_command_when_nothing_is_good_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jinja2")
    monkeypatch.setattr(candidates, "SETTINGS", FEW[:2])
    out = tmp_path / "build"
    code = main(arguments("--target", "sqnr >= 90", "-o", str(out), "--no-hardware"))
    seen = capsys.readouterr()
    assert code == 1
    assert "NOT MET: sqnr >= 90: " in seen.out
    assert "chosen: tanh, 8-bit inputs, 4 entries of 8 bits (" in seen.out
    assert f"report: {out}/report.html" in seen.out
    assert "sqnr >= 90 is not met, by the largest choice that there is; `tanh` at " in seen.err
    assert not json.loads((out / "accuracy.json").read_text())["met"]
    assert not (out / "units.sv").exists()


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["-o", "/proc/nowhere/build"], 1, "cannot write"),
        (["-o", str(NETWORKS.parent)], 1, "not an empty folder"),
        (["-o", "new", "--target", "cosine >= high"], 2, "`high` is not a number"),
        (["-o", "new", "--calibrate", "nowhere.npz"], 2, "no such file"),
        (["-o", "new", "--target", "sqnr >= 1", "--pwl-search=entries=4"], 1, "leave them out"),
    ],
)
def test_errors_of_the_command(
    more: list[str], code: int, message: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(arguments(*more)) == code
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
