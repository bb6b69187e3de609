"""
Scenes to segment: items of Fashion-MNIST pasted on a canvas, the later before the earlier.

Real shapes, occlusion, and 11 classes a pixel (background and ten kinds of clothing), made on the
fly: 32 scenes take some milliseconds. Debian's package `dataset-fashion-mnist` has the images.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FOLDER = Path("/usr/share/datasets/fashion-mnist")
SIZE = 64
CLASSES = 11
ITEM = 28
VISIBLE = 12
"""Brightness, of 255, from which on a pixel belongs to its item."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Items:
    """Images, shape (items, 28, 28), and their labels, 0 … 9."""

    images: Bytes
    labels: Bytes


@cache
def items(part: str) -> Items:
    """The `train` or the `t10k` part. SystemExit where the package is not installed."""
    if not FOLDER.exists():
        raise SystemExit(f"no {FOLDER}: install Debian's dataset-fashion-mnist (make apt-data)")
    images = _idx(FOLDER / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, ITEM, ITEM)
    return Items(images, _idx(FOLDER / f"{part}-labels-idx1-ubyte.gz", 8))


def _idx(path: Path, header: int) -> Bytes:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def scenes(part: str, seed: int, batch: int = 32) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without end: images (batch, 1, 64, 64) in [−1, 1], classes (batch, 64, 64)."""
    rng = np.random.default_rng(seed)
    while True:
        images, classes = _batch(items(part), rng, batch)
        yield torch.from_numpy(images).unsqueeze(1), torch.from_numpy(classes)


def _batch(
    source: Items, rng: np.random.Generator, batch: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    noise = rng.normal(0.0, 18.0, (batch, SIZE, SIZE)) + rng.uniform(0, 60, (batch, 1, 1))
    canvas = noise.clip(0, 255)
    classes = np.zeros((batch, SIZE, SIZE), np.int64)
    for scene in range(batch):
        for _ in range(rng.integers(3, 8)):
            _paste(canvas[scene], classes[scene], source, rng)
    return (canvas / 127.5 - 1.0).astype(np.float32), classes


def _paste(
    canvas: NDArray[np.float64],
    classes: NDArray[np.int64],
    source: Items,
    rng: np.random.Generator,
) -> None:
    number = rng.integers(len(source.labels))
    image = source.images[number]
    image = image[:, ::-1] if rng.random() < 0.5 else image
    top, left = rng.integers(-6, SIZE - ITEM + 7, 2)
    rows = slice(max(top, 0), min(top + ITEM, SIZE))
    columns = slice(max(left, 0), min(left + ITEM, SIZE))
    image = image[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    shape = image >= VISIBLE
    canvas[rows, columns][shape] = image[shape]
    classes[rows, columns][shape] = int(source.labels[number]) + 1
