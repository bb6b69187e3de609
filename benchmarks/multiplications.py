"""
Multiplications that weightless blocks take out of a transformer, counted in its exported IR.

Each model is exported as it is and with a block in the place of every MLP; what is counted is every
multiplication of a matrix product or convolution in either text. QuWeiT replaces "around 55 %" of
those of I-ViT-T, which has the shape of DeiT-Tiny: 224 × 224 pixels, 197 tokens.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measure import report, table
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from lut_opt.dialects.torch.types import VTensorType
from lut_opt.frontends.torch import export
from lut_opt.frontends.torch.weightless import WeightlessConfig, replace_mlps

sys.path.append(str(Path(__file__).parents[1] / "examples"))

PRODUCTS = ("torch.aten.mm", "torch.aten.bmm", "torch.aten.matmul")
"""Rows times columns: each element of the result takes one for each element of a row."""

NOT_COUNTED = ("torch.aten.linear", "torch.aten.addmm", "torch.aten.baddbmm", "attention", "einsum")
"""Parts of names of other products: an export decomposes them, and none may go unseen."""


def multiplications(module: ModuleOp) -> int:
    """
    Of the matrix products and convolutions of a module in the torch dialect.

    Raises `ValueError` for a product that it cannot count.
    """
    total = 0
    for op in module.walk():
        if op.name in PRODUCTS:
            total += math.prod(_sizes(op.results[0])) * _sizes(op.operands[0])[-1]
        elif op.name == "torch.aten.convolution":
            total += math.prod(_sizes(op.results[0])) * math.prod(_sizes(op.operands[1])[1:])
        elif any(name in op.name for name in NOT_COUNTED):
            raise ValueError(f"{op.name} is a product of a kind that is not counted")
    return total


def _sizes(value: SSAValue) -> tuple[int, ...]:
    kind = value.type
    if not isinstance(kind, VTensorType) or kind.shape is None or min(kind.shape, default=1) < 0:
        raise ValueError(f"multiplications are counted for static sizes, not for {kind}")
    return kind.shape


def counted(model: torch.nn.Module, *inputs: torch.Tensor) -> int:
    """Multiplications of a model for one call."""
    return multiplications(export(model.eval(), *inputs).module)


def nanogpt() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """Of nanoGPT's character model: 384 features, 6 layers, 256 tokens, 65 characters."""
    from published import Encoder, transformers_library

    library: Any = transformers_library()
    sizes = {"n_embd": 384, "n_layer": 6, "n_head": 6, "n_positions": 256, "vocab_size": 65}
    config = library.GPT2Config(use_cache=False, bos_token_id=64, eos_token_id=64, **sizes)
    ids = torch.zeros(1, 256, dtype=torch.long)
    return Encoder(library.GPT2LMHeadModel(config), ("input_ids",), "logits"), (ids,)


def deit_tiny() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """What I-ViT-T quantizes."""
    from published import MODELS

    model, inputs = MODELS["deit-tiny"]()
    return model, tuple(inputs)


def small_vit() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """That of fashion.py."""
    from fashion import Vit

    return Vit(), (torch.zeros(1, 1, 28, 28),)


def small_gpt() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """That of characters.py, for its 80 characters."""
    from characters import CONTEXT, Gpt

    return Gpt(80, 2), (torch.zeros(1, CONTEXT, dtype=torch.long),)


MODELS: dict[str, Callable[[], tuple[torch.nn.Module, tuple[torch.Tensor, ...]]]] = {
    "I-ViT-T (DeiT-Tiny), 224 × 224": deit_tiny,
    "fashion.py's ViT, 28 × 28": small_vit,
    "characters.py's transformer, 64 tokens": small_gpt,
    "nanoGPT's character model, 256 tokens": nanogpt,
}


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.parse_args()
    rows: list[tuple[str, ...]] = []
    for name, make in MODELS.items():
        model, inputs = make()
        before = counted(model, *inputs)
        # What a block holds is no matter: none of it is a multiplication.
        sizes = {"luts": 384, "thresholds": 1, "arity": 2, "readout": "popcount"}
        replace_mlps(model, WeightlessConfig(**sizes))
        after = counted(model, *inputs)
        share = f"{100 * (before - after) / before:.1f} %"
        rows.append((name, f"{before:,}", f"{after:,}", share))
    report(
        "Multiplications of matrix products and convolutions, counted in the exported IR",
        "one image, or one sequence; with weightless blocks in the place of all MLPs",
        table(("model", "with MLPs", "with blocks", "replaced"), rows),
        packages=("torch", "timm", "transformers"),
    )


if __name__ == "__main__":
    main()
