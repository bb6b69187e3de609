"""The protocol: fp32, the INT8 baseline, tables, fine-tuning; each step kept in a folder."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.layers import Conv, Linear, Site, sites
from training.methods import PAPER, Sizes, tables_of
from training.networks import NETWORKS
from training.scenes import CLASSES, scenes

BATCH = 32
TEST_SEED = 10_000

CONTROL = "exact, other batches"
"""The baseline, fine-tuned on other scenes: how far two equally good networks lie apart."""

Classes = NDArray[np.uint8]


@dataclass(frozen=True)
class Plan:
    """Steps of each phase, of 32 scenes; scenes of the test."""

    fp32: int
    quantized: int
    tuned: int
    scenes: int


@dataclass(frozen=True)
class Cell:
    """One figure of the tables: a network whose functions are replaced by a method's tables."""

    network: str
    seed: int
    functions: tuple[str, ...]
    """None: the baseline."""
    method: str = "exact"
    sizes: Sizes = PAPER

    def title(self, names: Mapping[str, str]) -> str:
        """For people."""
        what = "+".join(names[each] for each in self.functions) or "none"
        return f"{self.network} seed {self.seed}: {what} by {self.method}{self._size}"

    @property
    def _size(self) -> str:
        if self.sizes == PAPER:
            return ""
        return f", {self.sizes.entries} of {self.sizes.param_bits} from {self.sizes.input_bits}"

    @property
    def key(self) -> str:
        """Name of what is kept."""
        functions, how = "+".join(self.functions) or "none", self.method + self._size
        words = (self.network, str(self.seed), functions, how)
        return "-".join(words).replace("/", "").replace(",", "").replace(" ", "_")


@dataclass(frozen=True)
class Score:
    """Mean intersection over union, percent, before and after fine-tuning; agreements likewise."""

    before: float
    after: float
    agreement_before: float
    """Percent of pixels that the baseline, equally tuned, gives the same class."""
    agreement_after: float


class Study:
    """Networks and scores of a plan, in a folder; what is there is not made again."""

    def __init__(self, plan: Plan, folder: Path, device: str = "cpu") -> None:
        self.plan, self.folder, self.device = plan, folder, torch.device(device)
        folder.mkdir(parents=True, exist_ok=True)
        stated = folder / "plan.json"
        if stated.exists() and json.loads(stated.read_text()) != asdict(plan):
            raise SystemExit(f"{folder} holds another plan: remove it, or name another --folder")
        stated.write_text(json.dumps(asdict(plan)))

    def say(self, text: str) -> None:
        """Progress, on a terminal only."""
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def measure(self, cell: Cell) -> Score:
        """The score of a cell, from the folder if it is there."""
        path = self.folder / f"{cell.key}.json"
        if path.exists():
            return Score(**json.loads(path.read_text()))
        baseline = Cell(cell.network, cell.seed, ())
        if cell != baseline:
            self.measure(baseline)
        model = self.replaced(cell)
        predictions = {"before": self.classes(model)}
        self._tune(model, cell)
        predictions["after"] = self.classes(model)
        torch.save(model.state_dict(), self.folder / f"{cell.key}.pt")
        if cell == baseline:
            for when, found in predictions.items():
                np.save(self.folder / f"{cell.key}-{when}.npy", found)
        score = Score(
            *(self.iou(predictions[when]) for when in ("before", "after")),
            *(self._agreement(baseline, when, predictions[when]) for when in ("before", "after")),
        )
        path.write_text(json.dumps(asdict(score)))
        return score

    def replaced(self, cell: Cell) -> nn.Module:
        """The baseline before fine-tuning, with the cell's functions replaced by tables."""
        model = self._baseline(cell.network, cell.seed)
        if cell.method.endswith("calibrated"):
            self._count(model)
        if cell.sizes.input_bits != PAPER.input_bits:
            for site, seen in self._seen(model, cell.seed).items():
                if site.name in cell.functions:
                    site.narrow(cell.sizes.input_bits, seen)
        for site in sites(model):
            if site.name in cell.functions:
                site.use(tables_of(site, cell.method, cell.seed, cell.sizes))
        return model.to(self.device)

    def classes(self, model: nn.Module) -> Classes:
        """Of each pixel of the test scenes, shape (scenes, 64, 64)."""
        model.eval()
        batches = islice(scenes("t10k", TEST_SEED, BATCH), -(-self.plan.scenes // BATCH))
        with torch.no_grad():
            found = [model(image.to(self.device)).argmax(1).byte().cpu() for image, _ in batches]
        return torch.cat(found)[: self.plan.scenes].numpy()

    def truth(self) -> Classes:
        """The true classes of the test scenes."""
        batches = islice(scenes("t10k", TEST_SEED, BATCH), -(-self.plan.scenes // BATCH))
        return torch.cat([classes.byte() for _, classes in batches])[: self.plan.scenes].numpy()

    def iou(self, predicted: Classes) -> float:
        """Mean over the classes of intersection over union, percent."""
        counts = np.bincount(
            self.truth().ravel().astype(np.int64) * CLASSES + predicted.ravel(),
            minlength=CLASSES**2,
        ).reshape(CLASSES, CLASSES)
        both = np.diag(counts)
        return float(100.0 * np.mean(both / (counts.sum(0) + counts.sum(1) - both)))

    def _agreement(self, baseline: Cell, when: str, predicted: Classes) -> float:
        own = np.load(self.folder / f"{baseline.key}-{when}.npy")
        return float(100.0 * np.mean(own == predicted))

    def _baseline(self, network: str, seed: int) -> nn.Module:
        """INT8 with exact functions, trained; not yet fine-tuned."""
        torch.manual_seed(seed)
        model = self._kept(f"{network}-{seed}-fp32", lambda model: self._fp32(model, seed), network)
        self._quantize(model, seed)
        path = self.folder / f"{network}-{seed}-base.pt"
        if path.exists():
            model.load_state_dict(torch.load(path, weights_only=True))
            return model
        self._train(model, seed + 200, self.plan.quantized, 3e-4, "INT8")
        torch.save(model.state_dict(), path)
        return model

    def _kept(self, name: str, make: Callable[[nn.Module], None], network: str) -> nn.Module:
        model, path = NETWORKS[network]().to(self.device), self.folder / f"{name}.pt"
        if path.exists():
            model.load_state_dict(torch.load(path, weights_only=True))
            return model
        make(model)
        torch.save(model.state_dict(), path)
        return model

    def _fp32(self, model: nn.Module, seed: int) -> None:
        self._train(model, seed + 100, self.plan.fp32, 2e-3, "fp32")

    def _seen(self, model: nn.Module, seed: int) -> dict[Site, Tensor]:
        """The inputs of functions in one batch."""
        seen: dict[Site, Tensor] = {}

        def keep(site: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            assert isinstance(site, Site)
            seen[site] = inputs[0].detach()

        hooks = [site.register_forward_pre_hook(keep) for site in sites(model)]
        self._show(model, seed)
        for hook in hooks:
            hook.remove()
        return seen

    def _show(self, model: nn.Module, seed: int) -> None:
        image, _ = next(scenes("train", seed + 300, BATCH))
        with torch.no_grad():
            model(image.to(self.device))

    def _quantize(self, model: nn.Module, seed: int) -> None:
        """INT8 from here on: functions' scales from what one batch shows, steps from LSQ's rule."""
        for site, inputs in self._seen(model, seed).items():
            site.quantize(inputs)
        for module in model.modules():
            if isinstance(module, Linear | Conv):
                module.quantized = True
        model.to(self.device)
        self._show(model, seed)

    def _count(self, model: nn.Module) -> None:
        """How often each stored input of a function comes, over training scenes."""
        counted = [site for site in sites(model) if not site.wide]
        for site in counted:
            site.seen = torch.zeros(256, dtype=torch.int64)
        with torch.no_grad():
            for image, _ in islice(scenes("train", 400, BATCH), 8):
                model(image.to(self.device))
        for site in counted:
            assert site.seen is not None
            site.counts, site.seen = site.seen, None

    def _tune(self, model: nn.Module, cell: Cell) -> None:
        first = cell.seed + (900 if cell.method == CONTROL else 500)
        self._train(model, first, self.plan.tuned, 1e-4, cell.method)

    def _train(self, model: nn.Module, seed: int, steps: int, rate: float, what: str) -> None:
        """AdamW with a warm-up and a cosine; scales without decay, at ten times the rate."""
        model.train()
        optimizer = torch.optim.AdamW(_groups(model, rate), weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [rate, rate * 10], total_steps=steps, pct_start=0.1
        )
        began = time.monotonic()
        for step, (image, classes) in enumerate(islice(scenes("train", seed, BATCH), steps)):
            loss = functional.cross_entropy(model(image.to(self.device)), classes.to(self.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if time.monotonic() - began > 2.0:
                began = time.monotonic()
                self.say(f"{what}: step {step} of {steps}, loss {loss.item():.3f}")


def _groups(model: nn.Module, rate: float) -> Iterator[dict[str, object]]:
    learnt = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    scales = [p for name, p in learnt if name.endswith("exponent")]
    others = [p for name, p in learnt if not name.endswith("exponent")]
    yield {"params": others, "lr": rate}
    # p of 2^p: an octave is 1, and a scale crosses none by noise.
    yield {"params": scales, "lr": rate * 10, "weight_decay": 0.0}
