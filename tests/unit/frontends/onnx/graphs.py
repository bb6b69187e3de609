"""Small ONNX files, written node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
    """One node, called as its output; names of inputs and outputs are separated by blanks."""
    names = [output.split()[0].upper(), attributes.pop("domain", "")]
    return helper.make_node(
        operator, inputs.split(), output.split(), name=names[0], domain=names[1], **attributes
    )


def write(
    path: Path,
    nodes: Sequence[Any],
    inputs: Mapping[str, Sequence[int | str | None]],
    outputs: Mapping[str, int] | None = None,
    *,
    weights: Mapping[str, Any] | None = None,
    opset: int = 17,
) -> Path:
    """A file of this graph of floats; outputs have ranks, by default `y` is a matrix."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [
            helper.make_tensor_value_info(name, FLOAT, [None] * rank)
            for name, rank in (outputs or {"y": 2}).items()
        ],
        [numpy_helper.from_array(np.asarray(w), name) for name, w in (weights or {}).items()],
    )
    imports = [helper.make_opsetid("", opset)]
    imports += [helper.make_opsetid(n.domain, 1) for n in nodes if n.domain]
    onnx.save(helper.make_model(graph, opset_imports=imports), path)
    return path
