"""
The paper's two kinds of networks, small: Segformer's attention, EfficientViT's linear attention.

Segformer (Xie et al., NeurIPS 2021): EXP, DIV, GELU, RSQRT. EfficientViT (Cai et al., ICCV 2023):
HSWISH, DIV. Both take (batch, 1, 64, 64) and answer (batch, 11, 64, 64).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.layers import Conv, LayerNorm, Linear, Site, Softmax
from training.scenes import CLASSES


class Attention(nn.Module):
    """Self-attention whose keys and values are of an image `reduction` times smaller."""

    def __init__(self, size: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads, self.reduction = heads, reduction
        self.query, self.key, self.value = (
            Linear(size, size),
            Linear(size, size),
            Linear(size, size),
        )
        self.out, self.softmax = Linear(size, size), Softmax()

    def forward(self, x: Tensor, height: int) -> Tensor:
        batch, tokens, size = x.shape
        image = x.transpose(1, 2).reshape(batch, size, height, tokens // height)
        pooled = functional.avg_pool2d(image, self.reduction) if self.reduction > 1 else image
        source = pooled.flatten(2).transpose(1, 2)

        def heads(y: Tensor) -> Tensor:
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        q, k, v = heads(self.query(x)), heads(self.key(source)), heads(self.value(source))
        scores = q @ k.transpose(-1, -2) * (size // self.heads) ** -0.5
        return self.out((self.softmax(scores) @ v).transpose(1, 2).flatten(2))


class MixFfn(nn.Module):
    """Linear, depthwise convolution, GELU, linear."""

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.first, self.second = Linear(size, hidden), Linear(hidden, size)
        self.depthwise, self.gelu = Conv(hidden, hidden, 3, groups=hidden), Site("gelu")

    def forward(self, x: Tensor, height: int) -> Tensor:
        y = self.first(x)
        image = y.transpose(1, 2).unflatten(-1, (height, -1))
        y = self.depthwise(image).flatten(2).transpose(1, 2)
        return self.second(self.gelu(y))


class Block(nn.Module):
    """Attention and MLP, each after a layer norm, around a residual."""

    def __init__(self, size: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([LayerNorm(size), LayerNorm(size)])
        self.attention, self.ffn = Attention(size, heads, reduction), MixFfn(size, 2 * size)

    def forward(self, x: Tensor, height: int) -> Tensor:
        x = x + self.attention(self.norms[0](x), height)
        return x + self.ffn(self.norms[1](x), height)


class Stage(nn.Module):
    """An overlapping patch embedding and blocks."""

    def __init__(self, inputs: int, size: int, patch: tuple[int, int], heads: int, reduction: int):
        super().__init__()
        self.embed, self.norm = Conv(inputs, size, *patch), LayerNorm(size)
        self.blocks = nn.ModuleList([Block(size, heads, reduction) for _ in range(2)])
        self.last = LayerNorm(size)

    def forward(self, image: Tensor) -> Tensor:
        image = self.embed(image)
        x = self.norm(image.flatten(2).transpose(1, 2))
        for block in self.blocks:
            x = block(x, image.shape[2])
        return self.last(x).transpose(1, 2).unflatten(-1, (image.shape[2], -1))


class Head(nn.Module):
    """All stages brought to the first one's size, mixed, and upsampled to the image's."""

    def __init__(self, sizes: tuple[int, ...], hidden: int, activation: Callable[[], nn.Module]):
        super().__init__()
        self.inputs = nn.ModuleList([Conv(size, hidden, 1) for size in sizes])
        self.mix, self.classes = Conv(hidden * len(sizes), hidden, 1), Conv(hidden, CLASSES, 1)
        self.activation = activation()

    def forward(self, images: list[Tensor]) -> Tensor:
        size = images[0].shape[2:]
        same = [
            functional.interpolate(conv(x), size, mode="bilinear", align_corners=False)
            for conv, x in zip(self.inputs, images, strict=True)
        ]
        logits = self.classes(self.activation(self.mix(torch.cat(same, 1))))
        return functional.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)


class Segformer(nn.Module):
    """Two stages of Segformer: 159 k parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Stage(1, 32, (7, 4), 1, 2)
        self.second = Stage(32, 64, (3, 2), 2, 1)
        self.head = Head((32, 64), 64, nn.ReLU)

    def forward(self, image: Tensor) -> Tensor:
        first = self.first(image)
        return self.head([first, self.second(first)])


class MbConv(nn.Module):
    """Widen, depthwise convolution, narrow; HSWISH after the first two."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        hidden = 4 * inputs
        self.widen = Conv(inputs, hidden, 1)
        self.depthwise = Conv(hidden, hidden, 3, stride, groups=hidden)
        self.narrow = Conv(hidden, outputs, 1)
        self.swishes = nn.ModuleList([Site("hardswish"), Site("hardswish")])
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.swishes[1](self.depthwise(self.swishes[0](self.widen(x))))
        y = self.narrow(y)
        return x + y if self.residual else y


class LinearAttention(nn.Module):
    """relu(q) · (relu(k)ᵀ v) over relu(q) · Σ relu(k): the paper's DIV."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project, self.out = Conv(size, 3 * size, 1), Conv(size, size, 1)
        self.reciprocal = Site("reciprocal")

    def forward(self, x: Tensor) -> Tensor:
        parts = self.project(x).flatten(2).transpose(1, 2).chunk(3, -1)
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in parts)
        q, k = q.relu(), k.relu()
        tokens = k.shape[2]
        # Means, not sums: the same quotient, of numbers that do not grow with the image.
        above = q @ (k.transpose(-1, -2) @ v / tokens)
        below = (q * k.mean(2, keepdim=True)).sum(-1, keepdim=True)
        y = above * self.reciprocal(below + 1e-2)
        return x + self.out(y.transpose(1, 2).flatten(2).transpose(1, 2).unflatten(-1, x.shape[2:]))


class EfficientViT(nn.Module):
    """A stem and two stages of EfficientViT: 121 k parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.swish = Conv(1, 16, 3, 2), Site("hardswish")
        self.first = nn.Sequential(MbConv(16, 32, 2), MbConv(32, 32))
        self.second = nn.Sequential(
            MbConv(32, 64, 2), LinearAttention(64, 4), MbConv(64, 64), LinearAttention(64, 4)
        )
        self.head = Head((32, 64), 64, lambda: Site("hardswish"))

    def forward(self, image: Tensor) -> Tensor:
        first = self.first(self.swish(self.stem(image)))
        return self.head([first, self.second(first)])


NETWORKS: dict[str, type[nn.Module]] = {"segformer": Segformer, "efficientvit": EfficientViT}
