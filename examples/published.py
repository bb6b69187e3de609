"""
Transformers of the usual model libraries, with random weights, by name.

    model, inputs = MODELS["bert-base"]()        # as published
    model, inputs = MODELS["bert-base"](depth=1)  # the same layers, fewer of them

Nothing is downloaded: the architecture comes from the package, the weights from the seed.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch import nn

Example = tuple[nn.Module, tuple[torch.Tensor, ...]]
Builder = Callable[..., Example]

TOKENS = 32
PIXELS = 224


class Encoder(nn.Module):
    """A model of `transformers`, called with tensors, that gives the tensors named in `output`."""

    def __init__(self, model: nn.Module, arguments: tuple[str, ...], output: str) -> None:
        super().__init__()
        self.model = model
        self.arguments = arguments
        self.output = output

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Run the model on its named inputs."""
        result = self.model(**dict(zip(self.arguments, inputs, strict=True)))
        if "," not in self.output:
            return getattr(result, self.output)
        return tuple(getattr(result, name) for name in self.output.split(","))


def transformers_library() -> Any:
    import transformers

    transformers.logging.set_verbosity_error()
    return transformers


def timm_library() -> Any:
    """
    Import timm, whose models need torchvision for one class and for the names of some transforms.

    A torchvision belongs to one build of torch, and there may be none beside this one. Then empty
    modules stand in for it while timm is imported, and are gone after that.
    """
    if importlib.util.find_spec("torchvision") is not None or "timm" in sys.modules:
        return importlib.import_module("timm")
    stubs = {f"torchvision{part}": _Stub(f"torchvision{part}") for part in _TORCHVISION}
    for name, stub in stubs.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(stubs[parent], child, stub)
    sys.modules.update(stubs)
    try:
        return importlib.import_module("timm")
    finally:
        for name in stubs:
            del sys.modules[name]


_TORCHVISION = ("", ".transforms", ".transforms.functional", ".ops", ".ops.misc", ".datasets")


class _Stub(ModuleType):
    """A module in which every public name is a class, and every public name in that a string."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Names(name, (), {})


class _Names(type):
    """The class of the classes of a stub."""

    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


def _tokens(count: int, vocabulary: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, vocabulary, (1, count), generator=generator)


def _image(pixels: int = PIXELS) -> torch.Tensor:
    return torch.randn(1, 3, pixels, pixels, generator=torch.Generator().manual_seed(0))


def _timm_model(name: str, pixels: int = PIXELS, **changes: Any) -> Example:
    changes = {key: value for key, value in changes.items() if value is not None}
    return timm_library().create_model(name, pretrained=False, **changes).eval(), (_image(pixels),)


def bert_base(depth: int = 12, tokens: int = TOKENS, vocabulary: int = 30522) -> Example:
    """BERT-base, with a mask; `BertModel` of transformers."""
    library = transformers_library()
    config = library.BertConfig(num_hidden_layers=depth, vocab_size=vocabulary)
    model = library.BertModel(config)
    ids = _tokens(tokens, vocabulary)
    encoder = Encoder(model, ("input_ids", "attention_mask"), "last_hidden_state")
    return encoder.eval(), (ids, torch.ones_like(ids))


def gpt2(depth: int = 12, tokens: int = TOKENS, vocabulary: int = 50257) -> Example:
    """GPT-2 small: tanh-GELU and causal attention."""
    library = transformers_library()
    special = {"bos_token_id": vocabulary - 1, "eos_token_id": vocabulary - 1}
    config = library.GPT2Config(n_layer=depth, use_cache=False, vocab_size=vocabulary, **special)
    model = library.GPT2LMHeadModel(config)
    return Encoder(model, ("input_ids",), "logits").eval(), (_tokens(tokens, vocabulary),)


def llama_block(depth: int = 1, tokens: int = TOKENS, width: int = 512) -> Example:
    """Llama: RMS norm, SwiGLU, rotary embedding, grouped queries."""
    library = transformers_library()
    config = library.LlamaConfig(
        vocab_size=1024,
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=depth,
        num_attention_heads=8,
        num_key_value_heads=4,
        use_cache=False,
    )
    model = library.LlamaModel(config)
    return Encoder(model, ("input_ids",), "last_hidden_state").eval(), (_tokens(tokens, 1024),)


def segformer_b0(depth: int | None = None, pixels: int = PIXELS) -> Example:
    """Segformer-B0 with its decoding head; `depth` blocks in each of the four stages (2)."""
    library = transformers_library()
    config = library.SegformerConfig(depths=[depth or 2] * 4)
    model = library.SegformerForSemanticSegmentation(config)
    return Encoder(model, ("pixel_values",), "logits").eval(), (_image(pixels),)


def vit_b16(depth: int = 12) -> Example:
    """ViT-B/16 of timm."""
    return _timm_model("vit_base_patch16_224", depth=depth)


def deit_tiny(depth: int = 12) -> Example:
    """DeiT-tiny of timm."""
    return _timm_model("deit_tiny_patch16_224", depth=depth)


def swin_t(depth: int | None = None) -> Example:
    """Swin-T of timm; `depth` blocks in each of the four stages (2, 2, 6, 2)."""
    return _timm_model("swin_tiny_patch4_window7_224", depths=depth and (depth,) * 4)


def efficientvit_b0(depth: int | None = None) -> Example:
    """EfficientViT-B0 of timm, with linear attention; `depth` blocks a stage (1, 2, 2, 2)."""
    return _timm_model("efficientvit_b0", depths=depth and (depth,) * 4)


def minilm(depth: int = 6) -> Example:
    """The pretrained all-MiniLM-L6-v2, with eight sentences; the first `depth` of its layers."""
    from minilm_demo import load
    from sentences import CALIBRATION

    demo = load()
    encoder: Any = demo.model.encoder
    encoder.encoder.layer = encoder.encoder.layer[:depth]
    return demo.model, demo.batches(CALIBRATION[:8])[0]


MODELS: dict[str, Builder] = {
    "bert-base": bert_base,
    "vit-b16": vit_b16,
    "deit-tiny": deit_tiny,
    "segformer-b0": segformer_b0,
    "efficientvit-b0": efficientvit_b0,
    "swin-t": swin_t,
    "gpt2": gpt2,
    "llama-block": llama_block,
    "minilm": minilm,
}
"""Builders of (model, example inputs), each with a `depth`."""
