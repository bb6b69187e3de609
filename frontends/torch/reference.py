"""A model as PyTorch itself computes it: what the integers are compared with."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn

from lut_opt.frontends.onnx import load
from lut_opt.frontends.torch.graph import Inputs, outputs, slow_paths
from lut_opt.frontends.torch.notices import quiet

Model = nn.Module
"""What is measured."""


class BatchError(ValueError):
    """What about a batch cannot be measured with, of which input, and what to do."""


def module_of(model: Any, example: Any, *, dynamic: bool = False) -> nn.Module:
    """
    The module of a model, of what `torch.export` made of one or of an ONNX file, on the processor.

    The sizes of a file are those of the `example`. Raises `TypeError` for anything else,
    `BatchError` for a module that is elsewhere, `OnnxError` for a file that cannot be read.
    """
    if isinstance(model, str | os.PathLike):
        return _loaded(cast("str | os.PathLike[str]", model), example, dynamic)
    if isinstance(model, torch.export.ExportedProgram):
        return model.module()
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"{type(model).__name__} is no model: give an nn.Module, what torch.export made of "
            "one, or the path of an ONNX file"
        )
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.device.type != "cpu":
            raise BatchError(
                f"`{name}` of the model is on {tensor.device}: move it to the processor with "
                "model.cpu(), and the batches too"
            )
    return model


def _loaded(path: str | os.PathLike[str], example: Any, dynamic: bool) -> nn.Module:
    if dynamic:
        raise BatchError(
            f"{os.fspath(path)}: the sizes of an ONNX file are those of the batches: leave "
            "dynamic_shapes out"
        )
    inputs = Inputs.of(example)
    with quiet():
        return load(path, *(inputs.positional or (inputs.keyword,)))


def call(
    run: Callable[..., Any],
    example: Any,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    results: int,
) -> tuple[Any, ...]:
    """
    Compiled code on tensors or arrays, given as the example is: by position or by name.

    Raises `BatchError` for arguments that are not the example's.
    """
    wanted = Inputs.of(example)
    if len(arguments) != len(wanted.positional) or keywords.keys() != wanted.keyword.keys():
        names = "".join(f", {name}=" for name in wanted.keyword)
        raise BatchError(
            f"the network takes {len(wanted.positional)} arguments{names} as its example; got "
            f"{len(arguments)}{''.join(f', {name}=' for name in keywords)}"
        )
    given = Inputs(arguments, {name: keywords[name] for name in wanted.keyword})
    pairs = zip(given.leaves, wanted.leaves, strict=True)
    leaves = [leaf for leaf, like in pairs if isinstance(like, torch.Tensor)]
    are_tensors = any(isinstance(leaf, torch.Tensor) for leaf in leaves)
    made = run(*(x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else x for x in leaves))
    several: tuple[Any, ...] = made if results > 1 else (made,)
    return tuple(map(torch.as_tensor, several)) if are_tensors else several


class Reference:
    """A model in evaluation mode, and the batches that it is given."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def run(self, batch: Any) -> dict[str, torch.Tensor]:
        """The model's outputs by name."""
        inputs = Inputs.of(batch)
        with torch.no_grad(), quiet(), slow_paths(), _evaluating(self.model):
            return dict(outputs(self.model(*inputs.positional, **inputs.keyword)))

    def tensors(self, batch: Any) -> list[torch.Tensor]:
        """The tensors of a batch, in the order in which an exported program takes them."""
        return [x.detach().cpu() for x in Inputs.of(batch).leaves if isinstance(x, torch.Tensor)]

    def check(self, batches: Sequence[Any], *, dynamic: bool) -> None:
        """Raise `BatchError` for NaN, and for other types or, unless `dynamic`, other shapes."""
        first = [_kind(x, dynamic) for x in self.tensors(batches[0])]
        for number, batch in enumerate(batches):
            tensors = self.tensors(batch)
            if len(tensors) != len(first):
                raise BatchError(
                    f"batch {number} has {len(tensors)} tensors, the first {len(first)}"
                )
            for position, tensor in enumerate(tensors):
                where = f"input {position} of batch {number}"
                if tensor.is_floating_point() and bool(tensor.isnan().any()):
                    raise BatchError(f"{where} holds NaN; nothing can be measured with it")
                if (kind := _kind(tensor, dynamic)) != first[position]:
                    raise BatchError(
                        f"{where} is {kind}, that of the first {first[position]}; give batches of "
                        "one shape, the last one filled, or make the size dynamic"
                    )


def _kind(tensor: torch.Tensor, dynamic: bool) -> str:
    sizes = ["?" if dynamic else str(size) for size in tensor.shape]
    return "x".join((*sizes, str(tensor.dtype).removeprefix("torch.")))


@contextmanager
def _evaluating(model: nn.Module) -> Generator[None]:
    training = [module for module in model.modules() if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True
