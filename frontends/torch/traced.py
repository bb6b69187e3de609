"""A model's graphs, each traced once: calibration and export share them."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from torch import nn

from lut_opt.frontends.torch.graph import Graph, Inputs, build


class Traced:
    """Graphs of one model by the inputs that they are for: each is traced once."""

    def __init__(
        self,
        model: nn.Module,
        *,
        dynamic_shapes: Any = None,
        decompose: Sequence[str] = (),
        keep: Sequence[str] = (),
        linear: bool = False,
    ) -> None:
        self._model = weakref.ref(model)
        self._parts = _parts(model)
        self._options = dynamic_shapes, tuple(decompose), tuple(keep), linear
        self._graphs: dict[str, list[Graph]] = {}

    def graph(self, model: nn.Module, inputs: Inputs) -> Graph:
        """The graph of the model for inputs of these shapes; its weights are the model's own."""
        graphs = self._graphs.setdefault(inputs.structure, [])
        if (known := next((graph for graph in graphs if graph.takes(inputs)), None)) is not None:
            return known
        dynamic_shapes, decompose, keep, linear = self._options
        graphs.append(
            build(
                model,
                inputs,
                dynamic_shapes=dynamic_shapes,
                decompose=decompose,
                keep=keep,
                linear=linear,
            )
        )
        return graphs[-1]

    def is_of(self, model: nn.Module, dynamic_shapes: Any) -> bool:
        """Whether this model is the one, has the parts it had and is to be exported alike."""
        if self._model() is not model or dynamic_shapes != self._options[0]:
            return False
        parts = _parts(model)
        return len(parts) == len(self._parts) and all(
            a == b if isinstance(a, str) else a is b
            for a, b in zip(parts, self._parts, strict=True)
        )


def _parts(model: nn.Module) -> list[Any]:
    """Modules, with the settings that they print, weights and buffers."""
    parts: list[Any] = []
    for module in model.modules():
        parts += [module, module.extra_repr(), *module.parameters(recurse=False)]
        parts += module.buffers(recurse=False)
    return parts
