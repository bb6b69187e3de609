"""
timm's smallest vision transformer on integers, in one call: tables chosen to meet a target.

    python examples/compile_vit.py --output build/vit

Twelve layers of 192 channels on images of 64 × 64; weights and images are random and seeded, so
that nothing is downloaded. Exit code 1 if the target is missed on images that neither calibration
nor choice has seen.
"""

from __future__ import annotations

import sys

import one_call
import torch
from published import timm_library


def model() -> torch.nn.Module:
    """The network with its random weights."""
    torch.manual_seed(0)
    return timm_library().create_model("vit_tiny_patch16_224", img_size=64, num_classes=10).eval()


def images(count: int) -> list[torch.Tensor]:
    """Batches of four images."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(4, 3, 64, 64, generator=generator) for _ in range(count)]


if __name__ == "__main__":
    sys.exit(one_call.main(__doc__, "vit", lambda: (model(), {"calibrate": images(8)})))
