"""BERT, ViT and Swin exported to ONNX become the same tables as they do from PyTorch."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import importlib
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")
pytest.importorskip("onnx", reason="pip install lut-opt[onnx]")
pytest.importorskip("transformers", reason="pip install lut-opt[models]")

from onnx.reference import ReferenceEvaluator

import lut_opt
from lut_opt.accuracy.metrics import Tally
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.frontends.torch import calibrate, export_text
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass

SMALL = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
PIXELS = 16
LEAST_COSINE = 0.999


class Hidden(torch.nn.Module):
    """The last hidden state of a model, a tensor."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Any) -> Any:
        return self.model(*inputs).last_hidden_state


def made(kind: str, **settings: Any) -> Any:
    """A model with random weights."""
    library: Any = importlib.import_module("transformers")
    torch.manual_seed(0)
    config = getattr(library, f"{kind}Config")(**settings)
    return Hidden(getattr(library, f"{kind}Model")(config, add_pooling_layer=False)).eval()


def bert(layers: int) -> Any:
    return made("Bert", **SMALL, num_hidden_layers=layers, vocab_size=64, max_position_embeddings=8)


def vit(layers: int) -> Any:
    return made("ViT", **SMALL, num_hidden_layers=layers, image_size=PIXELS, patch_size=4)


def swin(layers: int) -> Any:
    """Of two stages, each with a shifted window from the second layer on."""
    return made("Swin", image_size=PIXELS, patch_size=2, embed_dim=16, depths=[layers, layers],
                num_heads=[2, 2], window_size=4)  # fmt: skip


def tokens() -> tuple[Any, ...]:
    return torch.randint(0, 64, (2, 8)), torch.ones(2, 8, dtype=torch.int64)


def images() -> tuple[Any, ...]:
    return (torch.randn(2, 3, PIXELS, PIXELS),)


def names_of(batch: tuple[Any, ...]) -> list[str]:
    return ["input_ids", "attention_mask"] if len(batch) == 2 else ["pixel_values"]


def exported(model: Any, batch: tuple[Any, ...], path: Path, **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, batch, str(path), dynamo=False, input_names=names_of(batch),
                          output_names=["hidden"], **options)  # fmt: skip
    return path


def units(model: Any, batches: list[Any]) -> Counter[str]:
    """How many tables and units of each kind a module becomes."""
    text = export_text(model, *batches[0], calibration=calibrate(model, batches))
    program = parse(text, "model.mlir", context())
    LowerNonlinearToPwlPass().apply(context(), program.module)
    return kinds(program.module)


def kinds(module: Any) -> Counter[str]:
    ops = [op for op in module.walk() if isinstance(op, ApplyOp | UnitOp)]
    return Counter(op.function_name if isinstance(op, ApplyOp) else op.UNIT.name for op in ops)


def cosine(found: Any, wanted: Any) -> float:
    tally = Tally()
    tally.add(np.asarray(wanted), np.asarray(found))
    return tally.figures.cosine


CASES: dict[str, tuple[Callable[[int], Any], Callable[[], tuple[Any, ...]], Any]] = {
    "bert": (bert, tokens, {"input_ids": {0: "batch", 1: "length"}}),
    "vit": (vit, images, {"pixel_values": {0: "batch"}}),
    "swin": (swin, images, None),
}
SLOW = pytest.mark.models
"""Minutes of tracing."""


@pytest.mark.parametrize(
    ("name", "layers", "opset"),
    [
        ("bert", 1, 17),
        ("vit", 1, 20),
        pytest.param("bert", 2, 20, marks=SLOW),
        pytest.param("vit", 2, 17, marks=SLOW),
        pytest.param("swin", 2, 17, marks=SLOW),
        pytest.param("swin", 2, 20, marks=SLOW),
    ],
)
def test_exported_models_become_what_they_do_from_pytorch(
    name: str, layers: int, opset: int, tmp_path: Path
) -> None:
    build, inputs, sizes = CASES[name]
    model, batches = build(layers), [inputs() for _ in range(3)]
    # Another of the same weights: to be exported leaves tensors in Swin's own settings.
    path = exported(build(layers), batches[0], tmp_path / f"{name}.onnx", opset_version=opset,
                    dynamic_axes=sizes)  # fmt: skip
    compiled = lut_opt.compile(path, calibrate=batches[:2], held_out=batches[2:], operators=False)
    assert compiled.name == name
    assert kinds(compiled.program.module) == units(model, batches[:2])
    found = compiled(*batches[2])
    with torch.no_grad():
        assert cosine(found, model(*batches[2])) >= LEAST_COSINE
    arrays = dict(zip(names_of(batches[2]), (x.numpy() for x in batches[2]), strict=True))
    assert cosine(found, ReferenceEvaluator(str(path)).run(None, arrays)[0]) >= LEAST_COSINE
