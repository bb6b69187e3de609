"""
Accuracy of weightless blocks in the place of a vision transformer's MLPs, on Fashion-MNIST.

Every read-out (popcount, grouped, dense) is measured beside three controls: the MLP, no MLP at all,
and an affine map. A block is worth what it recovers of the step from no MLP to the MLP. The
transformer has 64 features, four layers of four heads and patches of 7 × 7 (16 tokens); images are
those of Debian's package dataset-fashion-mnist. QuWeiT's own figures (95.64 % on CIFAR-10 with
I-ViT-T) cannot be reproduced from packages: neither the images nor the checkpoint are in one.

Every measured model is kept, weights and all, in `--folder`; the same command goes on where it was
stopped. What the blocks save is counted by multiplications.py, and measured by quweit_energy.py.

`--quick` takes few images, to see that everything runs: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import report, table
from numpy.typing import NDArray
from torch import Tensor, nn

from lut_opt.frontends.torch.weightless import WeightlessBlock, WeightlessConfig, replace_mlps

FOLDER = Path("/usr/share/datasets/fashion-mnist")
WIDTH, DEPTH, HEADS, PATCH, BATCH = 64, 4, 4, 7, 128


class Layer(nn.Module):
    """A transformer's layer, norms first."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        up, down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.mlp: nn.Module = nn.Sequential(up, nn.GELU(), down)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens to tokens."""
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """Images (batch, 28, 28) to ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(PATCH * PATCH, WIDTH)
        self.position = nn.Parameter(torch.randn((28 // PATCH) ** 2, WIDTH) * 0.02)
        self.layers = nn.Sequential(*(Layer() for _ in range(DEPTH)))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        """The mean token decides."""
        patches = x.unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH).flatten(3).flatten(1, 2)
        return self.head(self.norm(self.layers(self.embed(patches) + self.position)).mean(1))


class Nothing(nn.Module):
    """No MLP at all."""

    def forward(self, x: Tensor) -> Tensor:
        """Nothing is added."""
        return torch.zeros_like(x)


CONTROLS: dict[str, Callable[[int, int, WeightlessConfig], nn.Module]] = {
    "no MLP": lambda features, results, _: Nothing(),
    "affine": lambda features, results, _: nn.Linear(features, results),
}

BLOCKS = {
    "popcount": WeightlessConfig(luts=1024, readout="popcount", output_scale=2.0**-4),
    "grouped": WeightlessConfig(luts=1024, readout="grouped"),
    "dense": WeightlessConfig(luts=512, readout="dense"),
}
KINDS = ("MLP", "no MLP", "dense", "popcount", "affine", "grouped")


RATES = {"": 2e-3, "tables": 1e-2}
"""Highest rate of the parameters whose names end so; all others, and every control, the first."""


def _rate(name: str) -> str:
    """The end of a parameter's name that decides its rate."""
    return next((end for end in RATES if end and name.endswith(end)), "")


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
        shaped = pixels[16:].reshape(-1, 28, 28)[:count].astype(np.float32)
        return torch.tensor((shaped / 255 - 0.286) / 0.353), torch.tensor(labels[8:][:count]).long()

    return Data(part("train", images), part("t10k", tests))


def model(kind: str, seed: int, arity: int) -> Vit:
    """The transformer with its MLPs, blocks or controls."""
    torch.manual_seed(seed)
    made = Vit()
    if kind in CONTROLS:
        replace_mlps(made, WeightlessConfig(), CONTROLS[kind])
    elif kind in BLOCKS:
        replace_mlps(made, replace(BLOCKS[kind], arity=arity, seed=100 * seed))
    return made


def train(net: Vit, data: Data, epochs: int, seed: int) -> tuple[float, float]:
    """Accuracy on the test images in percent, and milliseconds of CPU time a step."""
    groups: list[dict[str, Any]] = []
    for end, rate in RATES.items():
        chosen = [p for name, p in net.named_parameters() if _rate(name) == end]
        groups += [{"params": chosen, "lr": rate}] * bool(chosen)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    images, labels = data.train
    steps = epochs * (len(images) // BATCH)
    rates: Any = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [each["lr"] for each in groups], total_steps=steps
    )
    generator = torch.Generator().manual_seed(seed)
    started = time.process_time()
    net.train()
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for at in range(0, len(images) - BATCH + 1, BATCH):
            chosen = order[at : at + BATCH]
            loss = nn.functional.cross_entropy(net(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            rates.step()
    cost = (time.process_time() - started) / steps * 1e3
    net.eval()
    right = 0
    with torch.inference_mode():
        for at in range(0, len(data.test[0]), 1000):
            answers = net(data.test[0][at : at + 1000]).argmax(1)
            right += int((answers == data.test[1][at : at + 1000]).sum())
    return 100 * right / len(data.test[0]), cost


def check(net: Vit, data: Data) -> None:
    """The blocks answer as their integer semantics say, on real activations."""
    for block in net.modules():
        if isinstance(block, WeightlessBlock):
            seen: list[Tensor] = []
            handle = block.register_forward_hook(lambda _, args, y: seen.extend((*args, y)))
            with torch.inference_mode():
                net(data.test[0][:8])
            handle.remove()
            network = block.network()
            q = network.operand.quantize(seen[0].double().numpy())
            if not np.array_equal(network.result.dequantize(network.evaluate(q)), seen[1].double()):
                raise SystemExit("a block differs from its integer semantics")


@dataclass(frozen=True)
class Settings:
    """What decides a measured model, besides its kind and its seed."""

    images: int
    tests: int
    epochs: int
    arity: int

    def path(self, folder: Path, kind: str, seed: int) -> Path:
        """Where a model's measures are; another setting of its kind has another file."""
        decisive = repr((asdict(self), BLOCKS.get(kind), RATES if kind in BLOCKS else RATES[""]))
        key = hashlib.sha256(decisive.encode()).hexdigest()[:8]
        return folder / f"{kind.replace(' ', '-')}-{seed}-{self.images}x{self.epochs}-{key}.json"


def measured(kind: str, seed: int, settings: Settings, data: Data, folder: Path) -> Measured:
    """Train and measure, or read what came of it before; weights are kept beside."""
    path = settings.path(folder, kind, seed)
    if not path.exists():
        net = model(kind, seed, settings.arity)
        accuracy, cost = train(net, data, settings.epochs, seed)
        check(net, data)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), path.with_suffix(".pt"))
        path.write_text(json.dumps({"accuracy": accuracy, "cost": cost}))
    found = Measured(**json.loads(path.read_text()))
    print(f"seed {seed}, {kind}: {found.accuracy:.2f} %", file=sys.stderr, flush=True)
    return found


@dataclass(frozen=True)
class Measured:
    """Accuracy in percent, milliseconds of CPU time a training step."""

    accuracy: float
    cost: float


def main() -> None:
    """Train, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--images", type=int, default=30_000, help="of training")
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arity", type=int, default=6, help="inputs of a LUT")
    parser.add_argument("--only", help="kinds, separated by commas")
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--folder", type=Path, default=Path("build/quweit"), help="of results")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.images, options.tests, options.epochs, options.seeds = 512, 1000, 1, 1
    torch.set_num_threads(1)
    data = read(options.data, options.images, options.tests)
    kinds = options.only.split(",") if options.only else KINDS
    settings = Settings(options.images, options.tests, options.epochs, options.arity)
    found: dict[str, list[Measured]] = {kind: [] for kind in kinds}
    for seed in range(options.seeds):
        for kind in kinds:
            found[kind].append(measured(kind, seed, settings, data, options.folder))
    report(
        "Fashion-MNIST, a transformer of 64 features and 4 layers: test accuracy in percent",
        f"{options.images} images × {options.epochs} epochs, {options.tests} test images, "
        f"{options.seeds} seeds, LUT{options.arity}; ± is the standard error over seeds, one "
        f"accuracy alone has at most {50 * options.tests**-0.5:.2f} from its test images; all "
        "kinds of a seed begin with the same weights, but for the block",
        table(
            ("block", "accuracy", "±", "over no MLP", "±", "recovered", "±", "CPU ms a step"),
            [_row(kind, found) for kind in kinds],
        ),
        packages=("torch",),
    )


def _row(kind: str, found: dict[str, list[Measured]]) -> tuple[str, ...]:
    """Means and standard errors over seeds; gains are differences of the same seed."""
    values, *ends = (
        np.array([one.accuracy for one in found[name]]) if name in found else None
        for name in (kind, "no MLP", "MLP")
    )
    assert values is not None
    cells = [f"{values.mean():.2f}", _error(values)]
    least, most = ends
    if least is None or most is None:
        cells += ["-"] * 4
    else:
        gains, whole = values - least, most - least
        share = gains.mean() / whole.mean()
        cells += [f"{gains.mean():.2f}", _error(gains)]
        # Of a ratio of means, to first order. A share of nothing gained says nothing.
        errors = (gains - share * whole) / whole.mean()
        shares = [f"{100 * share:.0f} %", f"{_error(100 * errors)} %"]
        cells += shares if whole.mean() > 0 else ["-", "-"]
    return kind, *cells, f"{np.mean([one.cost for one in found[kind]]):.0f}"


def _error(values: NDArray[np.float64]) -> str:
    """Standard error of a mean."""
    if len(values) < 2:
        return "-"
    return f"{values.std(ddof=1) / len(values) ** 0.5:.2f}"


if __name__ == "__main__":
    main()
