"""A slice of the bed: every other operator once, on each rank and distribution in turn."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs PyTorch: pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[torch]")

from lut_opt.frontends.torch import operators
from lut_opt.passes.decompose.composites import COMPOSITES
from operators.bed import FAILED, SHAPES, cell, meet
from operators.cases import CALLS, cases
from operators.distributions import DISTRIBUTIONS


def test_it_is_known_how_to_call_each_operator() -> None:
    assert set(CALLS) == {*operators.COMPOSED, *COMPOSITES}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_no_operator_is_silently_wrong(distribution: str) -> None:
    number, ranks = list(DISTRIBUTIONS).index(distribution), list(SHAPES)
    chosen = cases()[number :: 2 * len(DISTRIBUTIONS)]
    cells = [
        made
        for i, case in enumerate(chosen)
        if (made := cell(case, ranks[(i + number) % len(ranks)], distribution)) is not None
    ]
    met = list(meet(cells, "f32", distribution))
    assert met
    assert [str(each) for each in met if each.outcome in FAILED] == []
