"""Plays to train on and plays to validate with, a model that cannot look ahead, and a short run."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

import seed_quweit
from characters import CONTEXT, Characters, Gpt, Settings, encoded, kept_back, plain, plays

PLAY = """# Hamlet

### SCENE I. Elsinore.

_Enter to him BERNARDO_

**BERNARDO**\x20\x20
Who's there? \\[Aside]\x20\x20
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two kinds of plays, two of each."""
    for number, name in enumerate(("comedies/a", "comedies/b", "tragedies/c", "tragedies/d")):
        path = tmp_path / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(PLAY * 5 + f"*{number}*\n" * 50, encoding="utf-8")
    return tmp_path


def test_marks_of_markdown_are_no_text():
    wanted = ("Hamlet", "", "SCENE I. Elsinore.", "", "Enter to him BERNARDO", "", "BERNARDO")
    assert plain(PLAY) == "\n".join((*wanted, "Who's there? [Aside]", ""))


def test_plays_of_the_validation_are_never_trained_on(folder: Path):
    texts = plays(folder)
    assert kept_back(list(texts)) == ["comedies/b", "tragedies/d"]
    text = encoded(texts)
    sides = [
        "".join(text.characters[code] for code in part) for part in (text.train, text.validation)
    ]
    assert sides == [
        texts["comedies/a"] + texts["tragedies/c"],
        texts["comedies/b"] + texts["tragedies/d"],
    ]


def test_no_character_sees_a_later_one():
    torch.manual_seed(0)
    net = Gpt(20, 2).eval()
    x = torch.randint(20, (1, CONTEXT))
    other = x.clone()
    other[0, 40] = (x[0, 40] + 1) % 20
    with torch.inference_mode():
        moved = (net(x) - net(other)).abs().amax(1)[0]
    assert moved[:40].max() == 0
    assert moved[40:].min() > 0


def test_who_knows_nothing_needs_all_bits_of_a_character(folder: Path):
    task = Characters(Settings(steps=1, windows=40, depth=1, arity=6), folder)
    count = len(task.text.characters)

    class Guess(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(x), count, x.shape[1])

    assert task.score(Guess()) == pytest.approx(np.log2(count))


def test_a_short_run_is_kept(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    words = f"seed_quweit.py --task characters --quick --data {folder} --folder {tmp_path / 'kept'}"
    monkeypatch.setattr(sys, "argv", words.split())
    seed_quweit.main()
    table = capsys.readouterr().out.split("\n\n")[1]
    rows = [line.split("  ")[0] for line in table.splitlines()[2:]]
    assert rows == list(seed_quweit.KINDS)
    monkeypatch.delattr(seed_quweit, "train")
    seed_quweit.main()
    assert capsys.readouterr().out.split("\n\n")[1] == table
