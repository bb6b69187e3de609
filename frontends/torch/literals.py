"""Tensors of a graph as constants of its module, copied as bytes."""

from __future__ import annotations

import importlib
from typing import Any

import torch


class Literals:
    """
    What an `FxImporter` asks for the value of a weight or constant.

    Its own way takes a tensor through a Python list of numbers: half the time of an export. Other
    types, and a single number, are left to it.
    """

    def __init__(self) -> None:
        self._ir: Any = importlib.import_module("torch_mlir.ir")
        self._importer: Any = importlib.import_module("torch_mlir.extras.fx_importer")
        self._made: dict[int, tuple[torch.Tensor, Any]] = {}

    def prepare_module(self, module_op: Any) -> None:
        """Nothing to prepare."""

    def resolve_input(self, importer: Any, value: Any, info: Any) -> Any:
        """A weight or buffer; one that the program overwrites is not a literal."""
        if info.mutable_producer_node_name is not None:
            return None
        return self.resolve_literal(importer, value, info)

    def resolve_literal(self, importer: Any, literal: Any, info: Any) -> Any:
        """The value of a `torch.vtensor.literal`, None for what is not such a tensor."""
        if not isinstance(literal, torch.Tensor) or literal.dtype not in _PLAIN:
            return None
        if literal.numel() < 2 or literal.layout is not torch.strided:
            return None
        op: Any = self._ir.Operation.create(
            "torch.vtensor.literal",
            results=[importer._cc.tensor_to_vtensor_type(literal)],
            attributes={"value": self._attribute(literal)},
        )
        return op.result

    def _attribute(self, tensor: torch.Tensor) -> Any:
        """One resource a tensor, however often it is used."""
        if (held := self._made.get(id(tensor))) is not None:
            return held[1]
        name = "_".join(["torch_tensor", *map(str, tensor.shape), str(tensor.dtype)])
        data = tensor.detach().cpu().contiguous()
        if data.dtype is torch.bfloat16:
            data = data.view(torch.int16)
        attribute = self._ir.DenseResourceElementsAttr.get_from_buffer(
            data.numpy(),
            name,
            self._importer.create_mlir_tensor_type(tensor),
        )
        self._made[id(tensor)] = tensor, attribute
        return attribute


_PLAIN = frozenset(
    (
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.bfloat16, torch.float16, torch.float32, torch.float64),
    )
)
