"""The ONNX file that a command line names: its module, for the sizes of `--input` or of batches."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lut_opt.frontends.torch.example_inputs import TensorType, arrays_of
from lut_opt.frontends.torch.loading import UsageError

if TYPE_CHECKING:
    from torch import nn

    from lut_opt.frontends.onnx.reading import Source

Kinds = tuple[TensorType, ...]


def loaded(options: argparse.Namespace, given: Kinds) -> tuple[nn.Module, tuple[str, ...], Kinds]:
    """
    The module of the file, and names and types of its inputs.

    `given` are those of `--input`. Raises `UsageError` for options that a file does not take, and
    where nothing says a size; `OnnxError` for the file itself.
    """
    from lut_opt.frontends.onnx.loading import module_of
    from lut_opt.frontends.onnx.reading import Input, read

    if options.arg:
        raise UsageError(f"`{options.model}` is a model already; --arg is for a class or a factory")
    if options.dynamic:
        raise UsageError("the sizes of an ONNX file are compiled in: leave --dynamic out")
    source = read(options.model)
    names = tuple(each.name for each in source.inputs)
    if given and len(given) != len(names):
        raise UsageError(
            f"{len(given)} inputs are given for the {len(names)} of {options.model}: "
            + ", ".join(names)
        )
    kinds = given or _of_batches(options, names) or _of_file(source)
    sizes = [
        Input.of(name, each.shape, each.dtype) for name, each in zip(names, kinds, strict=True)
    ]
    return module_of(source, sizes), names, kinds


def _of_batches(options: argparse.Namespace, names: Sequence[str]) -> Kinds:
    """Types and sizes of what the first `.npz` file holds; nothing if there is none."""
    for option in ("calibrate", "held_out"):
        text = getattr(options, option, None)
        if text and not text.startswith("random:"):
            arrays = arrays_of(text, f"--{option.replace('_', '-')}", names)
            return tuple(TensorType(array.shape[1:], str(array.dtype)) for array in arrays)
    return ()


def _of_file(source: Source) -> Kinds:
    """What the file itself declares."""
    kinds: list[TensorType] = []
    for each in source.inputs:
        sizes = tuple(size for size in each.shape if isinstance(size, int))
        if len(sizes) < len(each.shape):
            raise UsageError(
                f"input `{each.name}` of {source.path} is {each}: say its sizes with --input (one "
                "for each input, in order), or give batches in an .npz file"
            )
        kinds.append(TensorType(sizes, str(each.dtype)))
    return tuple(kinds)
