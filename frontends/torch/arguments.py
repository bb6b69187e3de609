"""What commands on models share: their options, and the model and batches that these name."""

from __future__ import annotations

import argparse
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from lut_opt.frontends.torch import example_inputs, loading, onnx_files
from lut_opt.frontends.torch.example_inputs import TYPES, TensorType
from lut_opt.frontends.torch.loading import UsageError
from lut_opt.frontends.torch.notices import quiet

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lut_opt.frontends.torch.calibration import Calibration

__all__ = ["INPUTS", "Given", "UsageError", "add_options", "read"]

INPUTS = f"""\
An input is DIMxDIMx…xTYPE with TYPE one of {", ".join(TYPES)}; example
inputs are normal random numbers, integers 0 or 1."""

Batch = tuple[Any, ...]


@dataclass(frozen=True)
class Given:
    """A model in evaluation mode, and how it is to be exported."""

    model: nn.Module
    inputs: tuple[TensorType, ...]
    examples: Batch
    method: Literal["minmax", "mse"]
    bits: int | dict[str, int]
    dynamic_shapes: Any
    decompose: tuple[str, ...]
    keep: tuple[str, ...]
    generator: torch.Generator
    names: tuple[str, ...] = ()
    """Of the inputs, where a file of the model gives them names and sizes."""

    def batches(self, text: str, option: str) -> list[Batch]:
        """The batches of `random:N` or of an `.npz` file."""
        return example_inputs.batches(text, self.inputs, self.generator, option, self.names)

    def calibrate(self, batches: list[Batch]) -> Calibration:
        """Observe batches, as the options say."""
        from lut_opt.frontends.torch.calibration import calibrate

        return calibrate(
            self.model,
            batches,
            method=self.method,
            bits=self.bits,
            dynamic_shapes=self.dynamic_shapes,
            decompose=self.decompose,
            keep=self.keep,
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `read` reads, and `--calibrate`."""
    add = parser.add_argument
    add(
        "model",
        metavar="MODULE:NAME|FILE.onnx",
        help="module or .py file, and its class, factory or model; or an ONNX file",
    )
    add("--input", action="append", default=[], metavar="SHAPExTYPE", help="an example input")
    add("--arg", action="append", default=[], metavar="K=V", help="an argument of the factory")
    add(
        "--dynamic",
        action="append",
        default=[],
        metavar="INPUT:AXIS=NAME,…",
        help="axes whose size is known at run time only, of an input by name or number: "
        "x:0=batch,1=seq or x:0=batch:2-64; sizes of one name are equal",
    )
    add("--calibrate", metavar="FILE.npz|random:N", help="observe these batches and choose scales")
    add("--method", choices=("minmax", "mse"), default="minmax", help="how (default: minmax)")
    add(
        "--bits",
        default="8",
        metavar="N|OP=N,…",
        help="width of the integers that scales are for, of all or by operator or layer: "
        "8,gelu=16 (default: 8)",
    )
    add("--decompose", action="append", default=[], metavar="OP", help="open this operator")
    add("--keep", action="append", default=[], metavar="OP", help="leave this operator whole")
    add("--seed", type=int, default=0, help="of weights and random inputs (default: 0)")
    add("--debug", action="store_true", help="show the traceback of an error")


def read(options: argparse.Namespace) -> Given:
    """Load the model that the options name. `UsageError` for what cannot be read."""
    inputs = tuple(TensorType.parse(text) for text in options.input)
    keywords = loading.keywords(options.arg)
    bits = _bits(options.bits)
    is_file = options.model.endswith(".onnx")
    module, name = ("", "") if is_file else loading.located(options.model)
    names: tuple[str, ...] = ()
    with quiet(warn=True):
        import torch

        cast(Any, torch).manual_seed(options.seed)
        generator = torch.Generator()
        generator.manual_seed(options.seed)
        if is_file:
            model, names, inputs = onnx_files.loaded(options, inputs)
        else:
            model = loading.made(loading.imported(module), name, keywords)
    return Given(
        model,
        inputs,
        tuple(kind.random(generator) for kind in inputs),
        options.method,
        bits,
        example_inputs.dynamic_shapes(
            options.dynamic, input_names(model, len(inputs)), [len(kind.shape) for kind in inputs]
        ),
        tuple(options.decompose),
        tuple(options.keep),
        generator,
        names,
    )


def input_names(model: nn.Module, count: int) -> list[str]:
    """What the model's `forward` calls its first inputs; their numbers where it does not say."""
    named = [
        name
        for name, parameter in inspect.signature(model.forward).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return [named[i] if i < len(named) else str(i) for i in range(count)]


def _bits(text: str) -> int | dict[str, int]:
    """`8`, `gelu=16,softmax=8` or both, as in `8,gelu=16`."""
    widths: dict[str, int] = {}
    for part in text.split(","):
        name, equals, width = part.rpartition("=")
        if not width.isdecimal() or (equals and not name):
            raise UsageError(f"--bits {text}: it must look like 8, gelu=16,softmax=8 or 8,gelu=16")
        widths[name or "*"] = int(width)
    return widths["*"] if list(widths) == ["*"] else widths
