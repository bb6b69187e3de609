"""Models for the tests of the check; also loaded by path, by `lut-check`."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    """A table, a norm and a softmax; a dictionary for a result, with integers in it."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(8, 16)
        self.act = nn.GELU()
        self.norm = nn.LayerNorm(16)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor | list[torch.Tensor]]:
        y = self.norm(self.act(self.up(x)))
        return {"p": torch.softmax(y, -1), "more": [y], "label": y.argmax(-1)}


class Labels(nn.Module):
    """Returns no floats."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x).argmax(-1)
