"""
An ONNX file as an `nn.Module`: what calibrates, exports and trains modules does so with files.

    module = load("model.onnx", ids, mask)          # tensors or arrays: the sizes to compile for
    module(ids, mask)

torch-mlir's importer says what each operator of ONNX means, in operators of the `torch` dialect;
these are PyTorch's own. A module, rather than the imported text, because then the reference, the
calibration and the exported program are those of every other model.
"""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from lut_opt.frontends.onnx.reading import Input, OnnxError, Source, read


def load(path: str | os.PathLike[str], *example_inputs: Any) -> Any:
    """
    The module of a file, for inputs of the example's sizes; its weights are parameters.

    Inputs are tensors or arrays in the file's order, or one mapping by name; without any, the
    file's own sizes count, and none may be open. `forward` takes them by position or name (`_`
    stands for what no name in Python holds) and returns a tensor, or several in a mapping by name.
    Nodes have the file, their number in it and their name for a place.

    Raises `OnnxError` for a file that cannot be read, for inputs that are not the file's and for
    operators that torch-mlir does not know; `ImportError` if a package is missing.
    """
    source = read(path)
    return module_of(source, _kinds(source, example_inputs))


def module_of(source: Source, kinds: Sequence[Input]) -> Any:
    """The module of a file for inputs of these types and sizes."""
    import torch

    from lut_opt.frontends.onnx.building import Builder
    from lut_opt.frontends.onnx.importing import imported

    model = source.sized(kinds)
    origins = [(node.name or node.output[0], node.op_type) for node in model.graph.node]
    program = imported(source.path, model)
    names = python_names([each.name for each in source.inputs])
    inputs = {
        name: torch.empty(cast(Any, kind.shape), dtype=getattr(torch, str(kind.dtype)))
        for name, kind in zip(names, kinds, strict=True)
    }
    weights = {name: torch.as_tensor(array.copy()) for name, array in source.weights.items()}
    outputs = [each.name for each in model.graph.output]
    made = Builder(source.path, program, origins).built(inputs, weights, outputs)
    made.__class__.__name__ = re.sub(r"\W", "_", Path(source.path).stem)
    return made


def python_names(names: Sequence[str]) -> list[str]:
    """Names as a function's parameters can have them, each another."""
    made: list[str] = []
    for name in names:
        own = re.sub(r"\W", "_", name)
        own = own if own.isidentifier() and not keyword.iskeyword(own) else f"_{own}"
        while own in made:
            own += "_"
        made.append(own)
    return made


def _kinds(source: Source, example_inputs: Sequence[Any]) -> list[Input]:
    """Types and sizes of an example; the file's own without one."""
    given = list(example_inputs)
    names = [each.name for each in source.inputs]
    if len(given) == 1 and isinstance(given[0], Mapping):
        by_name = cast(Mapping[str, Any], given[0])
        own = python_names(names)
        if set(by_name) != set(own):
            raise OnnxError(
                f"{source.path}: its inputs are {', '.join(own)}; got {', '.join(by_name)}"
            )
        given = [by_name[name] for name in own]
    if not given:
        opened = [each for each in source.inputs if each.is_open]
        if opened:
            raise OnnxError(
                f"{source.path}: input `{opened[0].name}` is {opened[0]}; give an example, for the "
                "sizes that the file leaves open are compiled in"
            )
        return list(source.inputs)
    if len(given) != len(names):
        raise OnnxError(
            f"{source.path}: it has {len(names)} inputs ({', '.join(names)}); got {len(given)}"
        )
    return [_kind(name, value) for name, value in zip(names, given, strict=True)]


def _kind(name: str, value: Any) -> Input:
    if not hasattr(value, "shape"):
        value = np.asarray(value)
    return Input.of(name, [*map(int, value.shape)], str(value.dtype).removeprefix("torch."))
