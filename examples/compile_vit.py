"""
timm's smallest vision transformer on integers, in one call: tables chosen to meet a target.

    python examples/compile_vit.py --output build/vit

Twelve layers of 192 channels on images of 64 × 64; weights and images are random and seeded, so
that nothing is downloaded. Exit code 1 if the target is missed on images that neither calibration
nor choice has seen.
"""

from __future__ import annotations

import argparse
import sys

import torch
from published import timm_library

import lut_opt


def model() -> torch.nn.Module:
    """The network with its random weights."""
    torch.manual_seed(0)
    return timm_library().create_model("vit_tiny_patch16_224", img_size=64, num_classes=10).eval()


def images(count: int) -> list[torch.Tensor]:
    """Batches of four images."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(4, 3, 64, 64, generator=generator) for _ in range(count)]


def main() -> int:
    """Compile, save, and say what it is worth."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "-o", "--output", default="build/vit", help="a new folder (default: %(default)s)"
    )
    parser.add_argument("--target", default="cosine >= 0.999", help="default: %(default)s")
    options = parser.parse_args()

    compiled = lut_opt.compile(model(), calibrate=images(8), target=options.target)
    compiled.save(options.output)

    print(compiled.accuracy)
    print(f"{compiled.table_bits} bits of distinct tables; report: {options.output}/report.html")
    return 0 if compiled.accuracy.met else 1


if __name__ == "__main__":
    sys.exit(main())
