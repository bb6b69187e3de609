"""An ONNX file as a graph that can be imported: checked, of a known opset, every size a number."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 17
"""The first with layer norms that are one operator; files of older ones are converted."""

_LARGE = 256
"""Floats from this many on are weights; fewer may be what an operator's conversion looks at."""


_OPENED = ("Attention", "MeanVarianceNormalization", "PRelu", "Softsign", "Swish")
"""Operators that ONNX defines by others, and torch-mlir does not know, or not in every form."""

_REFUSED = {
    "LRN": "torch-mlir's conversion computes something else",
    "Unique": "the size of its result depends on the data",
}


class OnnxError(ValueError):
    """What of an ONNX file cannot be read, at which node, and what to do about it."""


@dataclass(frozen=True)
class Input:
    """An input of a file; sizes that the file leaves open are None, or names that it gives them."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: np.dtype[Any]

    @staticmethod
    def of(name: str, shape: Sequence[int], dtype: str) -> Input:
        """An input of which all is known; `dtype` is NumPy's or PyTorch's name."""
        if dtype == "bfloat16":
            importlib.import_module("ml_dtypes")  # onnx's own need; it makes the name known
        return Input(name, tuple(shape), np.dtype(dtype))

    @property
    def is_open(self) -> bool:
        """Whether a size is not known."""
        return not all(isinstance(size, int) for size in self.shape)

    def __str__(self) -> str:
        sizes = ["?" if size is None else str(size) for size in self.shape]
        return "x".join((*sizes, str(self.dtype)))


@dataclass(frozen=True)
class Source:
    """A file that was read. `model` is without the large weights, which are its last inputs."""

    path: str
    model: Any
    inputs: tuple[Input, ...]
    weights: Mapping[str, NDArray[Any]]

    def sized(self, kinds: Sequence[Input]) -> Any:
        """The model with inputs of these sizes, and all others that follow from them."""
        fits(self.path, self.inputs, kinds)
        onnx = module()
        made = onnx.ModelProto()
        made.CopyFrom(self.model)
        for declared, kind in zip(made.graph.input, kinds, strict=False):
            for dim, size in zip(declared.type.tensor_type.shape.dim, kind.shape, strict=True):
                dim.dim_value = size
        del made.graph.value_info[:]  # what the file says of sizes that were open
        for declared in made.graph.output:
            declared.type.tensor_type.ClearField("shape")
        infer = importlib.import_module("onnx.shape_inference").infer_shapes
        return _tried(
            self.path, "its sizes do not fit", infer, made, strict_mode=True, data_prop=True
        )


def read(path: str | os.PathLike[str]) -> Source:
    """Read and check a file. Raises `OnnxError`, and `ImportError` if a package is missing."""
    onnx, name = module(), os.fspath(path)
    if not os.path.isfile(name):
        raise OnnxError(f"no file `{name}`")
    _tried(name, "not a valid ONNX file", onnx.checker.check_model, name)
    model = _tried(name, "not a valid ONNX file", onnx.load, name)
    weights = _weights_as_inputs(model.graph)
    model = _opened(name, model)
    _check_operators(name, model)
    version = _version(model)
    if version < OPSET:
        convert = importlib.import_module("onnx.version_converter").convert_version
        what = f"opset {version} cannot be converted to {OPSET}; export it again with {OPSET}"
        model = _tried(name, what, convert, model, OPSET)
    inputs = tuple(_input(name, each) for each in model.graph.input if each.name not in weights)
    return Source(name, model, inputs, weights)


def fits(path: str, inputs: Sequence[Input], kinds: Sequence[Input]) -> None:
    """Raise `OnnxError` unless these types and sizes are such as the file declares."""
    sizes: dict[str, int | str | None] = {}
    for declared, kind in zip(inputs, kinds, strict=True):
        pairs = list(zip(declared.shape, kind.shape, strict=False))
        equal = [size if isinstance(size, int) else sizes.setdefault(size, given)
                 for size, given in pairs if size is not None]  # fmt: skip
        given = [given for size, given in pairs if size is not None]
        same_rank = len(declared.shape) == len(kind.shape)
        if not same_rank or equal != given or declared.dtype != kind.dtype:
            named = "".join(f", {name} = {size}" for name, size in sizes.items())
            raise OnnxError(
                f"{path}: input `{declared.name}` is {kind}, but {declared}{named} in the file"
            )


def module() -> Any:
    """The package `onnx`. Raises `ImportError` that says what to install."""
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise ImportError("onnx is missing: pip install 'lut-opt[onnx]'") from error


def _tried(path: str, what: str, function: Any, *arguments: Any, **keywords: Any) -> Any:
    """Call a function of the package, whose exceptions are of many kinds."""
    try:
        return function(*arguments, **keywords)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise OnnxError(f"{path}: {what}: {' '.join(lines)[:300]}") from error


def _is_own(domain: str) -> bool:
    return domain in ("", "ai.onnx")


def _opened(path: str, model: Any) -> Any:
    """Functions of the file's own, and of ONNX's where nothing else knows them, as their nodes."""
    inliner = importlib.import_module("onnx.inliner")
    if model.functions:
        opened = inliner.inline_local_functions
        model = _tried(path, "its functions cannot be opened", opened, model)
    nodes = [n for n in model.graph.node if n.op_type in _OPENED and _is_own(n.domain)]
    if nodes:
        _complete(model, nodes)
        kinds, opened = [("", name) for name in _OPENED], inliner.inline_selected_functions
        options = {"inline_schema_functions": True}
        model = _tried(path, "its operators cannot be opened", opened, model, kinds, **options)
    return model


def _complete(model: Any, nodes: Sequence[Any]) -> None:
    """Say what goes without saying, for the inliner: defaults, and types of initializers."""
    onnx = module()
    for node in nodes:
        given = {attribute.name for attribute in node.attribute}
        schema = onnx.defs.get_schema(node.op_type, _version(model))
        for name, attribute in schema.attributes.items():
            if name not in given and attribute.default_value.name:
                node.attribute.append(attribute.default_value)
    for tensor in model.graph.initializer:
        kind = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        model.graph.value_info.append(kind)


def _version(model: Any) -> int:
    return next((each.version for each in model.opset_import if _is_own(each.domain)), OPSET)


def _check_operators(path: str, model: Any) -> None:
    for number, node in enumerate(model.graph.node, 1):
        if node.op_type in _REFUSED:
            raise OnnxError(
                f"{path}:{number}: node `{node.name}`: `{node.op_type}` cannot be taken: "
                f"{_REFUSED[node.op_type]}; express it with other operators"
            )
        if not _is_own(node.domain):
            raise OnnxError(
                f"{path}:{number}: node `{node.name}` is `{node.domain}.{node.op_type}`; only "
                "ONNX's own operators have a meaning here: export the model without a runtime's "
                "optimizations"
            )


def _weights_as_inputs(graph: Any) -> dict[str, NDArray[Any]]:
    """
    Take large weights out of the graph: they become inputs.

    No step copies them then, and a model of any size fits into a protobuf message.
    """
    onnx = module()
    weights: dict[str, NDArray[Any]] = {}
    kept: list[Any] = []
    # Old files declare what is initialized as inputs, too.
    initialized = {tensor.name for tensor in graph.initializer}
    declared = [each for each in graph.input if each.name not in initialized]
    for tensor in graph.initializer:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        if not np.issubdtype(dtype, np.floating) or np.prod(tensor.dims) < _LARGE:
            kept.append(tensor)
            continue
        weights[tensor.name] = onnx.numpy_helper.to_array(tensor)
        declared.append(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
    del graph.initializer[:], graph.input[:]
    graph.initializer.extend(kept)
    graph.input.extend(declared)
    return weights


def _input(path: str, declared: Any) -> Input:
    kind = declared.type.tensor_type
    if not kind.elem_type or not kind.HasField("shape"):
        raise OnnxError(f"{path}: input `{declared.name}` is not a tensor of a known rank")
    sizes = (
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
        for dim in kind.shape.dim
    )
    dtype = module().helper.tensor_dtype_to_np_dtype(kind.elem_type)
    return Input(declared.name, tuple(sizes), np.dtype(dtype))
