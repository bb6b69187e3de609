"""What was found is kept by its content, and a run that was killed goes on where it stopped."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

import model_files
from model_files import batches

from lut_opt.accuracy import Recipe, Requirements
from lut_opt.accuracy.checking import Calibrated, calibrated
from lut_opt.compiling import candidates, drafts
from lut_opt.compiling.candidates import Candidate, Setting
from lut_opt.compiling.choice import choose, sensitivity
from lut_opt.compiling.store import NOTHING, Store, default_folder, key_of

NETWORKS = Path(__file__).with_name("networks.py")
FEW = (Setting(8, 2, 6), Setting(8, 4, 8), Setting(10, 8, 10))


@pytest.fixture(scope="module")
def given() -> Calibrated:
    return calibrated(model_files.network(NETWORKS, "Two"), batches())


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "SETTINGS", FEW)


def told(given: Calibrated, store: Store) -> list[tuple[str, list[tuple[Setting, int, float]]]]:
    ladder = sensitivity(given, Recipe(), store).ladder

    def row(each: Candidate) -> tuple[Setting, int, float]:
        return each.setting, each.bits, each.noise

    return [(group.name, [row(each) for each in group.front]) for group in ladder.groups] + [
        (group.name, [row(each) for each in group.candidates]) for group in ladder.groups
    ]


class Killed(BaseException):
    pass


def test_a_run_that_was_killed_goes_on(
    given: Calibrated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = told(given, NOTHING)
    searched: list[str] = []

    def counted(tasks: Sequence[drafts.Task]) -> Iterator[drafts.Answer]:
        for task in tasks:
            searched.append(task[0])
            yield drafts._solve(task)

    monkeypatch.setattr(drafts, "_solved", counted)
    kept: list[str] = []

    def keep(self: Store, key: str, value: Any, own: Any = Store.keep) -> None:
        own(self, key, value)
        kept.append(key)
        if len(kept) == 4:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "keep", keep)
        with pytest.raises(Killed):
            told(given, Store(tmp_path))
    assert len(searched) == 4
    assert told(given, Store(tmp_path)) == whole
    assert len(searched) == len(set(searched)) == 6
    assert told(given, Store(tmp_path)) == whole
    assert len(searched) == 6
    assert len(list(tmp_path.iterdir())) == 8  # a file each table, and one each operator


def test_one_process_and_several_find_the_same(given: Calibrated) -> None:
    joblib = pytest.importorskip("joblib", reason="pip install lut-opt[sweep]")
    with joblib.parallel_config(backend="loky", n_jobs=2):
        several = told(given, NOTHING)
    with joblib.parallel_config(n_jobs=1):
        assert told(given, NOTHING) == several


def test_what_no_other_process_can_do_is_done_here(
    given: Calibrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("joblib", reason="pip install lut-opt[sweep]")
    whole = told(given, NOTHING)
    monkeypatch.setattr(drafts, "unordered", lambda call, items: map(call, items))
    monkeypatch.setattr(drafts, "_elsewhere", lambda task: (task[0], None))
    assert told(given, NOTHING) == whole


def test_what_cannot_be_kept_costs_no_result(given: Calibrated, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere, damaged = Store(tmp_path / "file" / "folder"), Store(tmp_path / "damaged")
    nowhere.keep("a", 1)
    assert nowhere.recall("a") is None
    damaged.keep("a", {"b": 1.5})
    assert damaged.recall("a") == {"b": 1.5}
    (tmp_path / "damaged" / "a.json").write_text('{"b"')
    assert damaged.recall("a") is None
    assert told(given, nowhere) == told(given, NOTHING)


def test_keys_tell_parts_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({key_of("ab"), key_of("a", "b"), key_of("b", "a"), key_of("", "ab")}) == 4
    assert key_of("a", b"b") == key_of(b"a", "b")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/lut-opt")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "lut-opt"


class UnitVectors(torch.nn.Module):
    """A GELU, and a length that is divided by: an RMS norm, found in ops that are written out."""

    def forward(self, x: Any) -> Any:
        return torch.nn.functional.normalize(torch.nn.functional.gelu(x), dim=-1)


def test_every_unit_has_its_operator() -> None:
    data = [torch.randn(4, 8, generator=torch.Generator().manual_seed(i)) for i in range(4)]
    given = calibrated(UnitVectors(), data)
    known = sensitivity(given, Recipe())
    assert [group.name for group in known.ladder.groups] == ["gelu", "rms_norm"]
    _, program, choice = choose(given, Recipe(), Requirements.of("sqnr >= 20"), known)
    bits = sum(each.bits for each in choice.chosen)
    assert candidates.table_bits(candidates.units_of(program)) == bits
