"""Small models of the zoo, by the defaults of every pass, on inputs not seen in calibration."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs PyTorch: pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[torch]")
for package in ("transformers", "timm"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs the package {package}: make install", allow_module_level=True)

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def zoo() -> Any:
    if str(EXAMPLES) not in sys.path:
        sys.path.insert(0, str(EXAMPLES))
    return importlib.import_module("zoo")


def test_the_quick_models_reach_what_a_row_must(zoo: Any, tmp_path: Path) -> None:
    rows = list(zoo.rows(zoo.QUICK, tmp_path / "cache.json"))
    assert [row.model for row in rows if not row.is_good] == []
    # What was measured once is not measured again.
    assert list(zoo.rows(zoo.QUICK, tmp_path / "cache.json")) == rows


def test_a_row_names_the_operator_that_costs_most(zoo: Any) -> None:
    study = zoo.Study("vae", zoo.MODELS["vae"]())
    kinds = list(zoo.operators(study.searched()))
    assert study.costliest(kinds).partition(":")[0] in kinds
