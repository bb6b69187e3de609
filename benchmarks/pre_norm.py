"""A transformer's layer, as small as what weightless blocks are tried in."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH, HEADS = 64, 4


class Layer(nn.Module):
    """A transformer's layer, norms first; of causal ones, no token sees a later one."""

    def __init__(self, causal: int = 0) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        up, down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.mlp: nn.Module = nn.Sequential(up, nn.GELU(), down)
        later = torch.ones(causal, causal, dtype=torch.bool).triu(1)
        self.register_buffer("later", later if causal else None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens to tokens."""
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False, attn_mask=self.later)[0]
        return x + self.mlp(self.norm2(x))
