"""Real models as text. What is small is made once and kept in the user's cache directory."""

from __future__ import annotations

import hashlib
import os
import sys
from collections import Counter
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"

SEQUENCE = 128


def bert_base() -> Path:
    """
    A BERT-base encoder in the torch dialect, without its weights.

    The handles of the weights stay, their data (870 MB of text) is left out: it is copied from
    input to output and nothing looks at it. Making the text needs torch, torch-mlir, transformers
    and a minute.
    """
    path = _cache() / f"bert_base_calibrated_{SEQUENCE}.mlir"
    if not path.exists():
        text, _ = _exported_bert()
        part = path.with_suffix(".part")
        part.write_text(text.partition("{-#")[0])
        part.replace(path)
    return path


def bert_base_with_weights(folder: Path) -> tuple[Path, Counter[str]]:
    """The same with its weights, in a folder, and how often each digest of a weight occurs."""
    path = folder / "bert.mlir"
    text, digests = _exported_bert()
    path.write_text(text)
    return path, digests


def _exported_bert() -> tuple[str, Counter[str]]:
    """Text, calibrated on the example input, and digests of the parameters that it holds."""
    sys.path.insert(0, str(EXAMPLES))
    from published import bert_base

    from lut_opt.frontends.torch import calibrate, export_text

    model, inputs = bert_base(tokens=SEQUENCE)
    calibration = calibrate(model, [inputs])
    # The pooler is not part of the encoder's output.
    used = (p for name, p in model.named_parameters() if "pooler" not in name)
    digests = Counter(hashlib.sha256(p.detach().numpy().tobytes()).hexdigest() for p in used)
    return export_text(model, *inputs, calibration=calibration), digests


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(root) / "lut-opt"
    path.mkdir(parents=True, exist_ok=True)
    return path
