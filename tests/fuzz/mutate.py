"""One input of the fuzzer from a seed: a text that was changed a little, and a command line."""

from __future__ import annotations

import dataclasses
import random
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fuzz.corpus import ATTRIBUTES, NUMBERS, TOKEN, TYPES, corpus
from lut_opt.universe import LUT_OPT_UNIVERSE

CHARACTERS = '0129afx<>(){}[]"\\#!%^@:,=?*-./ \n\té\x00'

PIPELINES = (
    *[["lower-nonlinear-to-pwl"]] * 4,
    *[["lower-nonlinear-to-pwl", "pwl-search"]] * 2,
    ["lower-nonlinear-to-pwl", "pwl-search", "convert-pwl-to-arith"],
    *[["lower-nonlinear-to-pwl", "pwl-search", "convert-pwl-to-hw"]] * 2,
    *[["convert-pwl-to-arith"]] * 3,
    *[["convert-pwl-to-hw"]] * 2,
    *[["verify-pwl"]] * 2,
    ["pwl-search"],
    ["canonicalize"],
    ["canonicalize", "cse"],
    [],
)

TARGETS = ("json", "json", "report", "report", "systemverilog", "systemverilog", "bundle")

CHEAP = {"generations": "2", "population": "8", "samples": "200", "budget-bits": "", "preset": ""}
"""Options that decide how long a search takes are no less tested for being small."""


@dataclass(frozen=True)
class Case:
    """An input: the arguments after the file's name, and what the file holds."""

    arguments: tuple[str, ...]
    text: str


def case(seed: int, number: int) -> Case:
    """The input of that number: the same one for the same seed."""
    rng = random.Random(f"{seed}/{number}")
    text = rng.choice(corpus().texts)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        text = rng.choice(MUTATIONS)(text, rng)
    return Case(tuple(_arguments(rng)), text)


Mutation = Callable[[str, random.Random], str]


def _characters(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice(CHARACTERS) + text[place + rng.choice((0, 1, 1)) :]


def _replace(text: str, rng: random.Random, pattern: re.Pattern[str], by: str) -> str:
    found = list(pattern.finditer(text))
    if not found:
        return text
    match = rng.choice(found)
    return text[: match.start()] + by + text[match.end() :]


def _token(text: str, rng: random.Random) -> str:
    return _replace(text, rng, TOKEN, rng.choice(corpus().tokens))


def _same_kind(text: str, rng: random.Random) -> str:
    """A value, symbol or op becomes another of the text: uses ahead of definitions, circles."""
    kind = re.compile(rng.choice((r"%[\w$.-]+", r"%[\w$.-]+", r"@[\w$.-]+", r"\b[a-z_]+\.[\w.]+")))
    names = sorted(set(kind.findall(text)))
    return _replace(text, rng, kind, rng.choice(names)) if names else text


def _number(text: str, rng: random.Random) -> str:
    return _replace(text, rng, re.compile(r"-?\b\d+\.?\d*(?:[eE][+-]?\d+)?"), rng.choice(NUMBERS))


def _type(text: str, rng: random.Random) -> str:
    """One type becomes another, in one place or in all."""
    kind = re.compile(
        r"!?(?:tensor|vector|memref|quant\.uniform|torch\.vtensor)<(?:[^<>]|<[^<>]*>)*>"
        r"|\bb?f(?:16|32|64)\b|\bi\d+\b"
    )
    found = sorted(set(kind.findall(text)))
    if not found:
        return text
    old, new = rng.choice(found), rng.choice(TYPES)
    return text.replace(old, new) if rng.random() < 0.7 else text.replace(old, new, 1)


def _attribute(text: str, rng: random.Random) -> str:
    """An attribute more, in a dictionary that is there or before a type."""
    new = rng.choice(ATTRIBUTES)
    if "{" in text and rng.random() < 0.5:
        return _replace(text, rng, re.compile(r"\{(?!\s*\n)"), f"{{{new}, ")
    return _replace(text, rng, re.compile(r" : "), f" {{{new}}} : ")


def _lines(text: str, rng: random.Random) -> str:
    """A line is deleted, doubled, moved or taken from another text."""
    lines = text.splitlines() or [""]
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, lines[other])
        case 2:
            lines[place], lines[other] = lines[other], lines[place]
        case _:
            lines.insert(place, rng.choice(corpus().lines))
    return "\n".join(lines) + "\n"


def _cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


MUTATIONS: tuple[Mutation, ...] = (
    *(_characters, _token, _token, _same_kind, _same_kind, _number, _number),
    *(_type, _type, _type, _attribute, _attribute, _lines, _lines, _cut),
)


def _arguments(rng: random.Random) -> list[str]:
    words: list[str] = []
    for name in rng.choice(PIPELINES):
        options = _options(name, rng)
        words.append(f"--{name}={options}" if options else f"--{name}")
    for flag in (
        "allow-unregistered-dialect",
        "print-op-generic",
        "print-debuginfo",
        "verify-each",
    ):
        if rng.random() < 0.15:
            words.append(f"--{flag}")
    if rng.random() < 0.3:
        words += ["-t", rng.choice(TARGETS)]
    if rng.random() < 0.1:
        words.append("--prove")
    return words


def _options(name: str, rng: random.Random) -> str:
    """No option mostly; else one to three, of which a few have values that are wrong."""
    kind = LUT_OPT_UNIVERSE.all_passes.get(name)
    if kind is None:
        return ""
    hints = get_type_hints(kind())
    fields = [f.name for f in dataclasses.fields(kind()) if f.name not in ("cost", "liberty")]
    values = {field.replace("_", "-"): "" for field in fields}
    if name == "pwl-search":
        values |= CHEAP
    chosen = rng.sample(fields, min(len(fields), rng.choice((0, 0, 0, 1, 1, 2, 3))))
    for field in chosen:
        key = field.replace("_", "-")
        if not (name == "pwl-search" and key in CHEAP):
            values[key] = _value(hints[field], rng)
    return " ".join(f"{key}={value}" for key, value in values.items() if value)


def _value(hint: Any, rng: random.Random) -> str:
    if get_origin(hint) is Literal:
        return rng.choice(get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return _value(rng.choice(get_args(hint)[:1]), rng)
    if get_origin(hint) is tuple:
        return rng.choice(("exp", "tanh,softmax", "1,2", "8", "gelu"))
    if hint is bool:
        return rng.choice(("true", "false"))
    if rng.random() < 0.1:
        return rng.choice(NUMBERS)
    return rng.choice(("2", "3", "4", "8", "12", "16") if hint is int else ("0.5", "0.03125", "2"))
