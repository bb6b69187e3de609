"""Real models as text, made once and kept in the user's cache directory."""

from __future__ import annotations

import os
from pathlib import Path

SEQUENCE = 128

RANGES = {"gelu": (-4.0, 3.96875), "tanh": (-4.0, 3.96875)}


def bert_base() -> Path:
    """
    A BERT-base encoder in the torch dialect, without its weights.

    The handles of the weights stay, their data (870 MB of text) is left out: it is copied from
    input to output and nothing looks at it. Making the text needs torch, torch-mlir, transformers
    and half a minute.
    """
    path = _cache() / f"bert_base_{SEQUENCE}.mlir"
    if not path.exists():
        text = _exported_bert()
        part = path.with_suffix(".part")
        part.write_text(text)
        part.replace(path)
    return path


def _exported_bert() -> str:
    import torch
    from transformers import BertConfig, BertModel

    from lut_opt.frontends.torch import export_text

    model = BertModel(BertConfig()).eval()
    tokens = torch.zeros(1, SEQUENCE, dtype=torch.long)
    inputs = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    return export_text(model, inputs, ranges=RANGES).partition("{-#")[0]


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(root) / "lut-opt"
    path.mkdir(parents=True, exist_ok=True)
    return path
