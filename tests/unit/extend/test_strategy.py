"""What docs/how-to/extend.md says, done from outside the package and used through `lut-opt`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import documents
import numpy as np
import pytest

from lut_opt.cli import main
from lut_opt.dialects.pwl.request import request_values
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.search import STRATEGIES, Problem, SearchResult, Strategy, register
from lut_opt.passes.search.heuristic.objective import Curve, IntegerObjective, interval

GELU = """\
func.func @f(%x: !quant.uniform<i8:f32, 0.03125>) -> !quant.uniform<i8:f32, 0.03125> {
  %y = pwl.apply #pwl.fn<gelu> %x : !quant.uniform<i8:f32, 0.03125>
    -> !quant.uniform<i8:f32, 0.03125>
  func.return %y : !quant.uniform<i8:f32, 0.03125>
}
"""


@dataclass(frozen=True)
class GuessConfig:
    """Options of the strategy below."""

    guesses: int = 10
    """Guess: sets of breakpoints to draw."""

    def __post_init__(self) -> None:
        if self.guesses < 1:
            raise ValueError(f"guesses must be at least 1, got {self.guesses}")


class Guess(Strategy[GuessConfig]):
    """The best of some random sets of breakpoints."""

    name = "guess"
    doc = "draws breakpoints at random"
    Config = GuessConfig
    takes_tails = True

    def run(self, problem: Problem, curve: Curve, seed: int, config: GuessConfig) -> SearchResult:
        """The best of `guesses` tables."""
        rng, objective = np.random.default_rng(seed), IntegerObjective(problem, "ceiling")
        drawn = rng.uniform(*interval(problem), (config.guesses, problem.entries - 1))
        tables = [objective.table(np.sort(row)) for row in drawn]
        best = min(tables, key=problem.loss)
        return SearchResult(
            table=best,
            loss=problem.loss(best),
            strategy=self.name,
            seed=seed,
            evaluations=config.guesses,
            stop_reason="guesses",
        )


@pytest.fixture
def guess() -> Iterator[None]:
    register(Guess())
    yield
    del STRATEGIES["guess"]


def lut_opt(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a run."""
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.usefixtures("guess")
def test_a_strategy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, tables = tmp_path / "gelu.mlir", str(tmp_path / "tables.mlir")
    model.write_text(GELU)
    options = "--pwl-search=strategy=guess guesses=30 entries=6"
    assert lut_opt(capsys, str(model), options, "--verify-pwl", "-o", tables) == (0, "", "")
    assert '{strategy = "guess", entries = 6 : i64, config = {guesses = 30 : i64}}' in (
        Path(tables).read_text()
    )
    code, out, _ = lut_opt(capsys, tables, "-t", "json")
    (row,) = json.loads(out)
    assert (code, row["strategy"], row["entries"]) == (0, "guess", 6)
    assert row["request"] == "strategy=guess entries=6 guesses=30"
    fewer = main([str(model), "--pwl-search=strategy=guess guesses=1 entries=6", "-t", "json"])
    (worse,) = json.loads(capsys.readouterr().out)
    assert (fewer, worse["mse"] > row["mse"]) == (0, True)
    # Whoever verifies need not know the strategy.
    del STRATEGIES["guess"]
    assert lut_opt(capsys, tables, "--verify-pwl", "-o", str(tmp_path / "again.mlir"))[0] == 0
    register(Guess())


@pytest.mark.usefixtures("guess")
def test_options_of_a_strategy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "gelu.mlir"
    model.write_text(GELU)
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert "|uniform|guess (default: auto)" in out
    assert (
        "guesses=an integer (default: 10)\n            Guess: sets of breakpoints to draw." in out
    )
    assert "| `guesses` | an integer | `10` | Guess: sets of breakpoints to draw. |" in (
        documents.describe(PwlSearchPass)
    )
    code, _, err = lut_opt(capsys, str(model), "--pwl-search=strategy=guess guesses=0")
    assert (code, err) == (2, "lut-opt: error: --pwl-search: guesses must be at least 1, got 0\n")
    code, _, err = lut_opt(capsys, str(model), "--pwl-search=strategy=guess guesses=many")
    assert (code, "option 'guesses' takes an integer, got 'many'" in err) == (2, True)
    with pytest.raises(ValueError, match="already"):
        register(Guess())
    search = PwlSearchPass(strategy="guess", configs=(GuessConfig(guesses=3),))
    assert request_values(search.request()) == {"strategy": "guess"}


def test_without_it_the_option_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = lut_opt(capsys, "--pwl-search=guesses=3")
    assert (code, "unknown option 'guesses'" in err) == (2, True)
