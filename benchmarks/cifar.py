"""
CIFAR-10, from a folder that the user has: no package ships its images.

The folder is that of the binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin,
each of records of a label and 3 × 32 × 32 pixels ("CIFAR-10 binary version", Krizhevsky, 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from fashion import Data, Fashion, Settings, Vit
from torch import Tensor

SHAPE = 3, 32, 32
RECORD = 1 + 3 * 32 * 32
"""Bytes of a label and an image."""
BATCHES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))


def part(folder: Path, names: Sequence[str], count: int) -> tuple[Tensor, Tensor]:
    """The first so many images of some files, normalized, and their labels."""
    try:
        data = b"".join((folder / name).read_bytes() for name in names)
    except OSError as error:
        raise SystemExit(f"{error.filename}: {error.strerror}: is it CIFAR-10's folder?") from None
    if len(data) % RECORD or len(data) < count * RECORD:
        raise SystemExit(f"{folder}: {len(data)} bytes are not {count} records of {RECORD} or more")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)[:count]
    pixels = records[:, 1:].reshape(-1, *SHAPE).astype(np.float32) / 255
    return torch.tensor((pixels - 0.473) / 0.251), torch.tensor(records[:, 0]).long()


class Cifar(Fashion):
    """Ten kinds of things."""

    title = "CIFAR-10, a transformer of 64 features and 4 layers: test accuracy in percent"

    def __init__(self, settings: Settings, folder: Path | None) -> None:
        if folder is None:
            raise SystemExit("no package has CIFAR-10: name a folder of its .bin files by --data")
        super().__init__(settings, folder)
        self.name = f"cifar-{self.name}"

    @cached_property
    def data(self) -> Data:
        """Read once it is needed."""
        train = part(self.folder, BATCHES, self.settings.images)
        return Data(train, part(self.folder, ["test_batch.bin"], self.settings.tests))

    def model(self) -> Vit:
        """Not yet trained; patches of 8 × 8."""
        return Vit(*SHAPE[:2], patch=8)
