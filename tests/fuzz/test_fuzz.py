"""A slice of what `make fuzz` runs, and that the fuzzer itself sees what it looks for."""

import pytest

from fuzz.mutate import case
from fuzz.pool import failures
from fuzz.worker import check
from lut_opt import cli


def test_a_slice_of_the_inputs_is_met_well() -> None:
    assert [(f.number, f.message) for f in failures(range(300), seed=1, workers=1)] == []


def test_an_input_is_its_seed_and_number() -> None:
    assert case(3, 5) == case(3, 5)
    assert case(3, 5) != case(3, 6)


@pytest.mark.parametrize(
    ("code", "errors", "kind"),
    [
        (70, "lut-opt: internal error", "exit 70"),
        (1, "in.mlir:1:1: error: x\nTraceback (most recent call last):", "a traceback"),
        (1, "", "exit 1 without a diagnostic"),
        (1, "<unknown>: error: x", "a diagnostic without a place"),
        (0, "", "exit 0 and the output is untouched"),
    ],
)
def test_what_is_wrong_is_seen(
    code: int, errors: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        import sys

        print(errors, file=sys.stderr)
        return code

    monkeypatch.setattr(cli, "main", broken)
    assert (check([], "", 60) or "").startswith(kind)
