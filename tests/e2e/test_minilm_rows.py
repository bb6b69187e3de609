"""The example that takes a model's own rows through hardware, on a layer norm of eight features."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.quantization import Quantization

torch = pytest.importorskip("torch")
pytest.importorskip("pycde")
pytest.importorskip("transformers")

EXAMPLES = Path(__file__).parents[2] / "examples"
SIDE, BETA = Quantization(16, True, 2.0**-9), Quantization(32, True, 2.0**-20)
GAMMA = Quantization(16, True, 2.0**-13)
RSQRT = Table((900, 1500), (-38, -19, -13), (5300, 4260, 3700), 4, 0, 16)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus: apt install iverilog")
@pytest.mark.parametrize("lanes", [1, 4])
def test_rows_of_a_layer_go_through_its_unit(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("minilm_rows")
    layer = torch.nn.LayerNorm(8)
    semantics = units.LayerNorm(SIDE, SIDE, RSQRT, 1e-5, GAMMA, BETA)
    rows = np.random.default_rng(0).normal(0, 2, (6, 8))
    stimulus = example.norm_stimulus(semantics, layer, rows, lanes)
    assert np.array_equal(stimulus.parameters["gamma"], np.full(8, 2**13))
    named = replace(stimulus, unit=replace(stimulus.unit, module="norm"))
    assert example.run([named])
