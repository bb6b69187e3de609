"""
Weightless blocks in the place of a small transformer's MLPs: what they recover of what MLPs bring.

Two tasks: accuracy of a vision transformer on Fashion-MNIST (fashion.py), and bits per character of
a causal one on plays (characters.py, which says what to install). A third for who has its images:
CIFAR-10 (`--task cifar --data FOLDER`, cifar.py).

Every read-out (popcount, grouped, dense, and dense of four times the LUTs) is measured beside three
controls: the MLP, no MLP at all, and an affine map. A block is worth what it recovers of the step
from no MLP to the MLP. The transformers have 64 features, four heads, and two or four layers.
QuWeiT's own figures (95.64 % on CIFAR-10 with I-ViT-T) cannot be reproduced from packages: neither
the images nor the checkpoint are in one.

Every measured model is kept, weights and all, in `--folder`; the same command goes on where it was
stopped. What the blocks save is counted by multiplications.py, and measured by quweit_energy.py.

`--quick` takes little data, to see that everything runs: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import characters
import fashion
import numpy as np
import torch
from characters import Characters
from cifar import Cifar
from fashion import Fashion
from measure import report, table
from numpy.typing import NDArray
from torch import Tensor, nn

from lut_opt.frontends.torch.weightless import WeightlessBlock, WeightlessConfig, replace_mlps


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
    "dense 2048": WeightlessConfig(luts=2048, readout="dense"),
}
KINDS = ("MLP", "no MLP", "dense", "popcount", "affine", "grouped", "dense 2048")


RATES = {"": 2e-3, "tables": 1e-2}
"""Highest rate of the parameters whose names end so; all others, and every control, the first."""


def _rate(name: str) -> str:
    """The end of a parameter's name that decides its rate."""
    return next((end for end in RATES if end and name.endswith(end)), "")


class Task(Protocol):
    """What blocks are tried on."""

    settings: Any
    """A frozen dataclass of what decides a measured model; one field is the arity of LUTs."""
    name: str
    """Of the settings, as files have it."""
    steps: int
    measure: str
    better: int
    """1 for a measure that is better when it is more, −1 when it is less."""
    digits: int
    title: str
    how: str

    def model(self) -> nn.Module: ...
    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]: ...
    def score(self, net: nn.Module) -> float: ...
    def inputs(self, count: int) -> Tensor: ...


def model(task: Task, kind: str, seed: int) -> nn.Module:
    """The transformer with its MLPs, blocks or controls."""
    torch.manual_seed(seed)
    made = task.model()
    if kind in CONTROLS:
        replace_mlps(made, WeightlessConfig(), CONTROLS[kind])
    elif kind in BLOCKS:
        replace_mlps(made, replace(BLOCKS[kind], arity=task.settings.arity, seed=100 * seed))
    return made


def train(net: nn.Module, task: Task, seed: int) -> float:
    """Milliseconds of CPU time a step."""
    groups: list[dict[str, Any]] = []
    for end, rate in RATES.items():
        chosen = [p for name, p in net.named_parameters() if _rate(name) == end]
        groups += [{"params": chosen, "lr": rate}] * bool(chosen)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    rates: Any = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [each["lr"] for each in groups], total_steps=task.steps
    )
    started = time.process_time()
    net.train()
    for inputs, targets in task.batches(seed):
        loss = nn.functional.cross_entropy(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        rates.step()
    return (time.process_time() - started) / task.steps * 1e3


def check(net: nn.Module, inputs: Tensor) -> None:
    """The blocks answer as their integer semantics say, on real activations."""
    for block in net.modules():
        if isinstance(block, WeightlessBlock):
            seen: list[Tensor] = []
            handle = block.register_forward_hook(lambda _, args, y: seen.extend((*args, y)))
            net(inputs)
            handle.remove()
            network = block.network()
            q = network.operand.quantize(seen[0].double().numpy())
            if not np.array_equal(network.result.dequantize(network.evaluate(q)), seen[1].double()):
                raise SystemExit("a block differs from its integer semantics")


def path_of(task: Task, kind: str, seed: int, folder: Path) -> Path:
    """Where a model's measures are; another setting of its kind has another file."""
    rates = RATES if kind in BLOCKS else RATES[""]
    decisive = repr((asdict(task.settings), BLOCKS.get(kind), rates))
    key = hashlib.sha256(decisive.encode()).hexdigest()[:8]
    return folder / f"{kind.replace(' ', '-')}-{seed}-{task.name}-{key}.json"


def measured(task: Task, kind: str, seed: int, folder: Path) -> Measured:
    """Train and measure, or read what came of it before; weights are kept beside."""
    path = path_of(task, kind, seed, folder)
    if not path.exists():
        net = model(task, kind, seed)
        cost = train(net, task, seed)
        net.eval()
        with torch.inference_mode():
            score = task.score(net)
            check(net, task.inputs(8))
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), path.with_suffix(".pt"))
        path.write_text(json.dumps({task.measure: score, "cost": cost}))
    known = json.loads(path.read_text())
    found = Measured(known[task.measure], known["cost"])
    shown = f"{found.score:.{task.digits}f}"
    print(f"seed {seed}, {kind}: {task.measure} {shown}", file=sys.stderr, flush=True)
    return found


def kept(task: Task, kind: str, folder: Path) -> list[float]:
    """What the seeds of a kind scored that were measured already, from the first on."""
    paths = (path_of(task, kind, seed, folder) for seed in itertools.count())
    found = itertools.takewhile(Path.exists, paths)
    return [json.loads(path.read_text())[task.measure] for path in found]


@dataclass(frozen=True)
class Measured:
    """What the task measures, and milliseconds of CPU time a training step."""

    score: float
    cost: float


TASKS = ("fashion", "characters", "cifar")


def chosen_task(options: argparse.Namespace) -> Task:
    """By the command line."""
    if options.task != "characters":
        sizes = (512, 1000, 1) if options.quick else (options.images, 10_000, options.epochs)
        settings = fashion.Settings(*sizes, options.arity)
        if options.task == "cifar":
            return Cifar(settings, options.data)
        return Fashion(settings, options.data or fashion.FOLDER)
    sizes = (4, 64, 1) if options.quick else (options.steps, 4096, options.depth)
    return Characters(characters.Settings(*sizes, options.arity), options.data)


def main() -> None:
    """Train, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--task", choices=TASKS, default=TASKS[0])
    parser.add_argument("--images", type=int, default=30_000, help="of training")
    parser.add_argument("--epochs", type=int, default=4, help="of images")
    parser.add_argument("--steps", type=int, default=1000, help="characters: of training")
    parser.add_argument("--depth", type=int, default=2, help="characters: layers")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arity", type=int, default=6, help="inputs of a LUT")
    parser.add_argument("--only", help="kinds, separated by commas")
    parser.add_argument("--data", type=Path, help="another folder of images, or of plays")
    parser.add_argument("--folder", type=Path, default=Path("build/quweit"), help="of results")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = chosen_task(options)
    kinds = options.only.split(",") if options.only else KINDS
    seeds = 1 if options.quick else options.seeds
    found: dict[str, list[Measured]] = {kind: [] for kind in kinds}
    for seed in range(seeds):
        for kind in kinds:
            found[kind].append(measured(task, kind, seed, options.folder))
    report(
        task.title,
        f"{task.how}; {seeds} seeds, LUT{options.arity}; ± is the standard error over seeds; all "
        "kinds of a seed begin with the same weights, but for the block",
        table(
            ("block", task.measure, "±", "over no MLP", "±", "recovered", "±", "CPU ms a step"),
            [_row(kind, found, task) for kind in kinds],
        ),
        packages=("torch",),
    )


def _row(kind: str, found: dict[str, list[Measured]], task: Task) -> tuple[str, ...]:
    """Means and standard errors over seeds; gains are differences of the same seed."""
    values, *ends = (
        np.array([one.score for one in found[name]]) if name in found else None
        for name in (kind, "no MLP", "MLP")
    )
    assert values is not None

    def shown(numbers: NDArray[np.float64], digits: int = task.digits) -> list[str]:
        return [f"{numbers.mean():.{digits}f}", _error(numbers, digits)]

    cells, (least, most) = shown(values), ends
    if least is None or most is None:
        cells += ["-"] * 4
    else:
        gains, whole = task.better * (values - least), task.better * (most - least)
        share = gains.mean() / whole.mean()
        cells += shown(gains)
        # Of a ratio of means, to first order. A share of nothing gained says nothing.
        errors = (gains - share * whole) / whole.mean()
        shares = [f"{100 * share:.0f} %", f"{_error(100 * errors, 0)} %"]
        cells += shares if whole.mean() > 0 else ["-", "-"]
    return kind, *cells, f"{np.mean([one.cost for one in found[kind]]):.0f}"


def _error(values: NDArray[np.float64], digits: int) -> str:
    """Standard error of a mean."""
    if len(values) < 2:
        return "-"
    return f"{values.std(ddof=1) / len(values) ** 0.5:.{digits}f}"


if __name__ == "__main__":
    main()
