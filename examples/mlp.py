"""A small network for `lut-compile`: two layers, a GELU and a layer norm."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    """Rows of 64 numbers to rows of 16."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(64, 128)
        self.act = nn.GELU()
        self.down = nn.Linear(128, 16)
        self.norm = nn.LayerNorm(16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.down(self.act(self.up(x))))
