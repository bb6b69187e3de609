"""
Small nets of the kinds that lose most when scales are chosen badly, by name.

What they hold grows or decays over many octaves, divides by sums and norms, or repeats an operator
over a sequence. Written out as their papers and many programs do, beside PyTorch's own modules.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from architectures import Example, Inputs
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, TOKENS = 32, 16


def _noise(seed: int, *, shape: tuple[int, ...], outliers: bool = False) -> tuple[Tensor, ...]:
    """Normal numbers; with outliers, two channels of the last axis are twenty times as large."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    if outliers:
        x[..., :2] *= 20.0
    return (x,)


SEQUENCE = partial(_noise, shape=(4, TOKENS, WIDTH))
PICTURE = partial(_noise, shape=(2, 8, 12, 12))


class DecayingAttention(nn.Module):
    """RWKV 4's time mixing: weighted averages whose weights are exponentials of distances."""

    def __init__(self) -> None:
        super().__init__()
        self.key, self.value, self.gate = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.decay = nn.Parameter(torch.linspace(-5.0, 1.0, WIDTH))
        self.bonus = nn.Parameter(torch.linspace(-1.0, 1.0, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Batch × tokens × channels, to the same."""
        keys, values, gates = 2.0 * self.key(x), self.value(x), torch.sigmoid(self.gate(x))
        decay = torch.exp(-torch.exp(self.decay))
        above = torch.zeros_like(keys[:, 0])
        below = torch.zeros_like(above)
        made: list[Tensor] = []
        for key, value in zip(keys.unbind(1), values.unbind(1), strict=True):
            now = torch.exp(key + self.bonus)
            made.append((above + now * value) / (below + now))
            grown = torch.exp(key)
            above, below = decay * above + grown * value, decay * below + grown
        return gates * torch.stack(made, 1)


class SelectiveState(nn.Module):
    """Mamba's recurrence: a step size by softplus, a decay by exp of a product."""

    def __init__(self, states: int = 8) -> None:
        super().__init__()
        self.states = states
        self.enter = nn.Linear(WIDTH, 2 * WIDTH)
        self.select = nn.Linear(WIDTH, 2 * states)
        self.step = nn.Linear(WIDTH, WIDTH)
        self.step.bias.data.uniform_(-6.0, -1.0)
        self.decay = nn.Parameter(torch.log(torch.arange(1.0, states + 1)).repeat(WIDTH, 1))
        self.skip = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Batch × tokens × channels, to the same."""
        inner, gate = self.enter(x).chunk(2, -1)
        inner = F.silu(inner)
        step = F.softplus(self.step(inner))
        enter, leave = self.select(inner).chunk(2, -1)
        kept = torch.exp(step.unsqueeze(-1) * -torch.exp(self.decay))
        added = (step * inner).unsqueeze(-1) * enter.unsqueeze(2)
        state, made = torch.zeros_like(added[:, 0]), []
        for t in range(x.shape[1]):
            state = kept[:, t] * state + added[:, t]
            made.append((state * leave[:, t].unsqueeze(1)).sum(-1))
        return (torch.stack(made, 1) + inner * self.skip) * F.silu(gate)


class LinearAttention(nn.Module):
    """elu(x) + 1 as features, and a division by their sum (Katharopoulos et al., 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(WIDTH, 3 * WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Batch × tokens × channels, to the same."""
        query, key, value = self.project(x).chunk(3, -1)
        query, key = F.elu(query) + 1, F.elu(key) + 1
        total = query @ key.sum(1).unsqueeze(-1)
        return query @ (key.transpose(1, 2) @ value) / (total + 1e-6)


class RandomFeatures(nn.Module):
    """Performer's positive features: exp of projections less half a squared norm."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(WIDTH, 3 * WIDTH)
        self.directions = nn.Parameter(torch.randn(WIDTH, 2 * WIDTH))

    def features(self, x: Tensor) -> Tensor:
        """Channels to features, all positive."""
        x = x * WIDTH**-0.25
        return torch.exp(x @ self.directions - x.square().sum(-1, keepdim=True) / 2)

    def forward(self, x: Tensor) -> Tensor:
        """Batch × tokens × channels, to the same."""
        query, key, value = self.project(x).chunk(3, -1)
        query, key = self.features(query), self.features(key)
        total = query @ key.sum(1).unsqueeze(-1)
        return query @ (key.transpose(1, 2) @ value) / total


class Autoencoder(nn.Module):
    """A VAE: a deviation as exp of half a logarithm, and what comes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(WIDTH, 64), nn.ReLU(), nn.Linear(64, 32))
        self.decode = nn.Sequential(
            nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, WIDTH), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The reconstruction at mean + deviation, and the divergence of each latent."""
        mean, logarithm = self.encode(x).chunk(2, -1)
        logarithm = 3.0 * logarithm - 2.0
        divergence = (mean.square() + torch.exp(logarithm) - 1 - logarithm) / 2
        return self.decode(mean + torch.exp(0.5 * logarithm)), divergence


class DetectorHead(nn.Module):
    """YOLO 3 and FCOS: sigmoids of offsets, exponentials of sizes, over anchors of many sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(8, 3 * 9, 1)
        self.register_buffer("anchors", torch.tensor([[10.0, 13.0], [33.0, 61.0], [156.0, 198.0]]))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures of channels, to boxes and scores of each anchor."""
        y = self.head(x).unflatten(1, (3, 9))
        offset, size, score = y[:, :, :2], 1.5 * y[:, :, 2:4], y[:, :, 4:]
        boxes = torch.exp(size) * self.anchors.view(1, 3, 2, 1, 1)
        return torch.cat((torch.sigmoid(offset) * 32, boxes, 100 * torch.sigmoid(score)), 2)


class AdaptiveInstanceNorm(nn.Module):
    """AdaIN: one picture with the channels' means and deviations of another, written out."""

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Pictures, to pictures."""
        scaled = content * torch.linspace(0.2, 5.0, content.shape[1]).view(1, -1, 1, 1) + 3.0
        mean, deviation = scaled.mean((2, 3), keepdim=True), scaled.std((2, 3), keepdim=True)
        wanted = style.mean((2, 3), keepdim=True), style.std((2, 3), keepdim=True)
        return (scaled - mean) / (deviation + 1e-5) * wanted[1] + wanted[0]


class BatchStatistics(nn.Module):
    """A norm over the batch's own statistics, then a local response norm."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(8, 16, 3, padding=1)
        self.respond = nn.LocalResponseNorm(5, alpha=1e-2)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures, to pictures."""
        y = self.enter(x)
        mean, variance = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), keepdim=True)
        return self.respond(F.relu((y - mean) / torch.sqrt(variance + 1e-5)))


class WrittenLstm(nn.Module):
    """A long short-term memory, gate by gate."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.again = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(WIDTH, 4 * WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Batch × tokens × channels, to the hidden states."""
        hidden = torch.zeros_like(x[:, 0])
        cell, made = hidden, []
        for token in x.unbind(1):
            gates = self.enter(token) + self.again(hidden)
            write, forget, candidate, read = gates.chunk(4, -1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(write) * torch.tanh(candidate)
            hidden = torch.sigmoid(read) * torch.tanh(cell)
            made.append(hidden)
        return torch.stack(made, 1)


class GaussianKan(nn.Module):
    """Kolmogorov-Arnold layers on Gaussian bases (FastKAN): exp of a negated square."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(-2.0, 2.0, 8))
        self.norm = nn.LayerNorm(WIDTH)
        self.first, self.second = nn.Linear(8 * WIDTH, WIDTH), nn.Linear(8 * WIDTH, WIDTH)

    def bases(self, x: Tensor) -> Tensor:
        """Each number as eight."""
        return torch.exp(-(((x.unsqueeze(-1) - self.centres) / (4 / 7)) ** 2)).flatten(-2)

    def forward(self, x: Tensor) -> Tensor:
        """Batch × tokens × channels, to the same."""
        y = self.first(self.bases(self.norm(x)))
        return self.second(self.bases(y))


class MixtureDensity(nn.Module):
    """A mixture density head: a log-sum-exp over components of exponentials."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(WIDTH, 3 * 8)

    def forward(self, x: Tensor) -> Tensor:
        """Log-likelihood of the first channel under eight components."""
        logits, mean, logarithm = self.head(x).chunk(3, -1)
        distance = (x[..., :1] - mean) * torch.exp(-logarithm)
        each = torch.log_softmax(logits, -1) - logarithm - distance.square() / 2
        return torch.logsumexp(each, -1)


class Transformer(nn.TransformerEncoderLayer):
    """PyTorch's own layer, in evaluation mode, behind a learned scale of outlier channels."""

    def __init__(self) -> None:
        super().__init__(WIDTH, 4, 64, batch_first=True, activation="gelu", norm_first=True)


class Contrast(nn.Module):
    """Cosine similarities over a learned temperature, and their softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.temperature = nn.Parameter(torch.tensor(3.0))

    def forward(self, x: Tensor) -> Tensor:
        """Batch × tokens × channels, to probabilities of pairs."""
        left, right = F.normalize(self.left(x), dim=-1), F.normalize(self.right(x), dim=-1)
        return torch.softmax(torch.exp(self.temperature) * left @ right.transpose(1, 2), -1)


class CouplingFlow(nn.Module):
    """Normalizing flow of RealNVP: an affine coupling with exp(tanh)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 32))

    def forward(self, x: Tensor) -> Tensor:
        """Channels to channels: half of them scaled by what the others say."""
        kept, changed = x.chunk(2, -1)
        scale, shift = self.net(kept).chunk(2, -1)
        return torch.cat((kept, changed * torch.exp(2 * torch.tanh(scale)) + shift), -1)


def _pair(seed: int) -> tuple[Tensor, ...]:
    return *PICTURE(seed), *PICTURE(seed + 1000)


def _made(kind: Callable[[], nn.Module], inputs: Inputs) -> Example:
    torch.manual_seed(0)
    return kind().eval(), inputs


KINDS: dict[str, Callable[[], Example]] = {
    "rwkv decay": partial(_made, DecayingAttention, SEQUENCE),
    "selective state": partial(_made, SelectiveState, SEQUENCE),
    "linear attention": partial(_made, LinearAttention, SEQUENCE),
    "random features": partial(_made, RandomFeatures, SEQUENCE),
    "vae": partial(_made, Autoencoder, SEQUENCE),
    "detector head": partial(_made, DetectorHead, PICTURE),
    "adain": partial(_made, AdaptiveInstanceNorm, _pair),
    "batch statistics": partial(_made, BatchStatistics, PICTURE),
    "lstm": partial(_made, WrittenLstm, SEQUENCE),
    "gaussian kan": partial(_made, GaussianKan, SEQUENCE),
    "mixture density": partial(_made, MixtureDensity, SEQUENCE),
    "encoder layer": partial(_made, Transformer, partial(SEQUENCE, outliers=True)),
    "contrast": partial(_made, Contrast, SEQUENCE),
    "coupling flow": partial(_made, CouplingFlow, SEQUENCE),
}
"""Builders of a model and of what makes its inputs."""
