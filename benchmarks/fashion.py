"""
Fashion-MNIST, and a small vision transformer for it: patches of 7 × 7, four layers.

Images are those of Debian's package dataset-fashion-mnist.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from pre_norm import WIDTH, Layer
from torch import Tensor, nn

FOLDER = Path("/usr/share/datasets/fashion-mnist")
DEPTH, PATCH, BATCH = 4, 7, 128


class Vit(nn.Module):
    """Images (batch, channels, side, side) to ten logits."""

    def __init__(self, channels: int = 1, side: int = 28, patch: int = PATCH) -> None:
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(channels * patch * patch, WIDTH)
        self.position = nn.Parameter(torch.randn((side // patch) ** 2, WIDTH) * 0.02)
        self.layers = nn.Sequential(*(Layer() for _ in range(DEPTH)))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        """The mean token decides."""
        patches = x.unfold(2, self.patch, self.patch).unfold(3, self.patch, self.patch)
        patches = patches.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
        return self.head(self.norm(self.layers(self.embed(patches) + self.position)).mean(1))


@dataclass(frozen=True)
class Data:
    """Images of training and test, and their labels."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def read(folder: Path, images: int, tests: int) -> Data:
    """The first so many images of each part, normalized."""

    def part(name: str, count: int) -> tuple[Tensor, Tensor]:
        pixels, labels = (
            np.frombuffer(gzip.decompress((folder / f"{name}-{kind}.gz").read_bytes()), np.uint8)
            for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
        shaped = pixels[16:].reshape(-1, 1, 28, 28)[:count].astype(np.float32)
        return torch.tensor((shaped / 255 - 0.286) / 0.353), torch.tensor(labels[8:][:count]).long()

    return Data(part("train", images), part("t10k", tests))


@dataclass(frozen=True)
class Settings:
    """What decides a measured model, besides its kind and its seed."""

    images: int
    tests: int
    epochs: int
    arity: int


class Fashion:
    """Ten kinds of clothes."""

    measure, better, digits = "accuracy", 1, 2
    title = "Fashion-MNIST, a transformer of 64 features and 4 layers: test accuracy in percent"

    def __init__(self, settings: Settings, folder: Path = FOLDER) -> None:
        self.settings, self.folder = settings, folder
        self.name = f"{settings.images}x{settings.epochs}"
        self.steps = settings.epochs * (settings.images // BATCH)
        self.how = (
            f"{settings.images} images × {settings.epochs} epochs, {settings.tests} test images; "
            f"one accuracy alone has at most {50 * settings.tests**-0.5:.2f} from these"
        )

    @cached_property
    def data(self) -> Data:
        """Read once it is needed."""
        return read(self.folder, self.settings.images, self.settings.tests)

    def model(self) -> Vit:
        """Not yet trained."""
        return Vit()

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels of each step."""
        generator = torch.Generator().manual_seed(seed)
        images, labels = self.data.train
        for _ in range(self.settings.epochs):
            order = torch.randperm(len(images), generator=generator)
            for at in range(0, len(images) - BATCH + 1, BATCH):
                chosen = order[at : at + BATCH]
                yield images[chosen], labels[chosen]

    def score(self, net: nn.Module) -> float:
        """Accuracy on the test images, in percent."""
        images, labels = self.data.test
        right = 0
        for at in range(0, len(images), 1000):
            right += int((net(images[at : at + 1000]).argmax(1) == labels[at : at + 1000]).sum())
        return 100 * right / len(images)

    def inputs(self, count: int) -> Tensor:
        """Of the test."""
        return self.data.test[0][:count]
