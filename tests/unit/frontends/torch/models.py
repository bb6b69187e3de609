"""Models for the tests of the PyTorch frontend; also loaded by path, by `lut-export`."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    """One of each: pointwise, norm, softmax, folded constants, and a dictionary for a result."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 16)
        self.act = nn.GELU()
        self.norm = nn.LayerNorm(16)
        self.batch_norm = nn.BatchNorm1d(16)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        y = self.batch_norm(self.act(self.linear(x)))
        wave = torch.cos(torch.arange(16).float())
        return {"p": F.softmax(self.norm(y), -1), "s": F.silu(y) * wave}


class Branch(nn.Module):
    """Cannot be exported: its control flow depends on data."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x
        return -x


class Unsupported(nn.Module):
    """Exports to an operator that torch-mlir does not know."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.lgamma(x)


class Attention(nn.Module):
    """Masked scaled dot-product attention of a tensor with itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(x, x, x, is_causal=True)


class Block(nn.Module):
    """Causal attention, a norm, an activation and a function of positive numbers only."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.act = nn.GELU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.project(self.norm(x)).chunk(3, -1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        z = x + self.act(y)
        return z * torch.sqrt(y.abs().mean(-1, keepdim=True) + 0.5)
