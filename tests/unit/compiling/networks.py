"""Models for the tests of the one call; also loaded by path, by `lut-compile`."""

from __future__ import annotations

import torch
from torch import nn


class Two(nn.Module):
    """Two tables of one function, one of which hardly matters."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(8, 16)
        self.down = nn.Linear(16, 4)
        self.faint = nn.Linear(4, 4)
        with torch.no_grad():
            self.faint.weight *= 0.01

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.tanh(self.up(x))
        return self.down(y) + self.faint(torch.sigmoid(x[..., :4]))


class Named(nn.Module):
    """The same by name, with integers beside."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Two()

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        y = self.inner(x)
        return {"logits": y, "label": y.argmax(-1)}


class Pair(nn.Module):
    """The same in a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Two()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.inner(x)
        return y, y * 2
