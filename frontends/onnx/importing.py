"""A graph of ONNX as a program of the `torch` dialect: torch-mlir's importer and conversion."""

from __future__ import annotations

import importlib
import re
from typing import Any

from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.frontends.onnx.reading import OnnxError

RMS_NORM = "onnx.RMSNormalization"
"""The one operator that PyTorch has and torch-mlir's conversion has not: it is left as it is."""

_NUMBER = re.compile(r'loc\("(\d+)"')


def imported(path: str, model: Any) -> Program:
    """
    The program of a model whose sizes are known, each op at the number of its node, from 1.

    Raises `OnnxError` for a node that torch-mlir does not know.
    """
    names = [(node.name or node.output[0], node.op_type) for node in model.graph.node]
    for number, node in enumerate(model.graph.node, 1):
        node.name = str(number)
    ir: Any = importlib.import_module("torch_mlir.ir")
    importer: Any = importlib.import_module("torch_mlir.extras.onnx_importer")
    manager: Any = importlib.import_module("torch_mlir.passmanager").PassManager
    ctx = ir.Context()
    importlib.import_module("torch_mlir.dialects.torch").register_dialect(ctx)
    try:
        info = importer.ModelInfo(model)
        operation = info.create_module(ctx).operation
        importer.NodeImporter.define_function(info.main_graph, operation).import_all()
        manager.parse("builtin.module(func.func(convert-torch-onnx-to-torch))", ctx).run(operation)
    except Exception as error:
        raise OnnxError(_explained(path, error, names)) from error
    for op in operation.regions[0].blocks[0].operations[0].regions[0].blocks[0].operations:
        if op.operation.name == "torch.operator" and op.attributes["name"].value != RMS_NORM:
            raise OnnxError(_unknown(path, str(op.location), names))
    head = operation.get_asm(
        print_generic_op_form=True, enable_debug_info=True, use_local_scope=True
    )
    # Local scope leaves the constants out.
    _, mark, constants = operation.get_asm(print_generic_op_form=True).partition("\n{-#")
    return parse(head + mark + constants, path, context())


def _explained(path: str, error: Exception, names: list[tuple[str, str]]) -> str:
    """An importer's or a pass's error, with the node that it is about."""
    diagnostics = getattr(error, "error_diagnostics", ())
    location = str(diagnostics[0].location) if diagnostics else ""
    if _NUMBER.search(location) is None:
        first = next((line for line in str(error).splitlines() if line.strip()), "")
        return f"{path}: torch-mlir cannot import it: {type(error).__name__}: {first[:300]}"
    return _unknown(path, location, names)


def _unknown(path: str, location: str, names: list[tuple[str, str]]) -> str:
    place = _NUMBER.search(location)
    number = int(place[1]) if place else 1
    name, operator = names[number - 1]
    return (
        f"{path}:{number}: node `{name}`: torch-mlir does not know `{operator}` as it is used "
        "here; express it with other operators"
    )
