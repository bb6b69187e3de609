"""A model as `torch` dialect text: non-linear operators whole, weights and locations kept."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.fx import Interpreter, Node

from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.calibration import Calibration, Observation
from lut_opt.frontends.torch.graph import (
    ExportError,
    Graph,
    Inputs,
    operator_name,
)
from lut_opt.frontends.torch.literals import Literals
from lut_opt.frontends.torch.sources import layer_name, source
from lut_opt.frontends.torch.traced import Traced
from lut_opt.passes.lower import weightless
from lut_opt.passes.support.declarations import NUMERATOR, PRODUCT, RAW, RESULT, ROW_SIZES

if TYPE_CHECKING:
    from lut_opt.dialects.assembly import Program

_MARK = "<node>"
"""The file name under which a node's number travels through torch-mlir's passes as a location."""

_OPERATOR, _HELD = "torch.operator", "lut_opt.operator"

Range = tuple[float, float]


def export(
    model: nn.Module,
    *example_inputs: Any,
    dynamic_shapes: Any = None,
    ranges: Mapping[str, Range] | None = None,
    calibration: Calibration | None = None,
    histograms: bool = False,
    decompose: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> Program:
    """The program of `export_text`, parsed."""
    from lut_opt.dialects.assembly import context, parse

    text = export_text(
        model,
        *example_inputs,
        dynamic_shapes=dynamic_shapes,
        ranges=ranges,
        calibration=calibration,
        histograms=histograms,
        decompose=decompose,
        keep=keep,
    )
    return parse(text, type(model).__name__, context())


def export_text(
    model: nn.Module,
    *example_inputs: Any,
    dynamic_shapes: Any = None,
    ranges: Mapping[str, Range] | None = None,
    calibration: Calibration | None = None,
    histograms: bool = False,
    decompose: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> str:
    """
    Export a model, in evaluation mode, as a module with one function `@main` in generic form.

    The example inputs give shapes and types; a single mapping holds keyword arguments. The results
    are the tensors of what `forward` returns, in order. `calibration` or `ranges` (real bounds by
    layer name, or by operator name for all of a kind) come out as `pwl.range` attributes, and with
    `histograms` what the calibration counted as `pwl.histogram`. A non-linear operator on constants
    becomes the constant it computes. `decompose` names non-linear operators to open; `keep`, which
    can name `scaled_dot_product_attention`, operators to leave whole that are opened otherwise.
    Raises `ExportError`, with the source line, for what cannot be exported.
    """
    if calibration is not None:
        if ranges is not None:
            raise ExportError("both `calibration` and `ranges` are given; give one of them")
        decompose, keep = calibration.decompose, calibration.keep
    single = len(example_inputs) == 1 and isinstance(example_inputs[0], Mapping)
    inputs = Inputs.of(example_inputs[0] if single else example_inputs)
    traced = calibration.traced if calibration is not None else None
    if traced is None or not traced.is_of(model, dynamic_shapes):
        traced = Traced(model, dynamic_shapes=dynamic_shapes, decompose=decompose, keep=keep)
    graph = traced.graph(model, inputs)
    chosen = _chosen_ranges(graph, ranges, calibration)
    module, nodes, files = _imported(graph)
    observed = calibration.observations if calibration is not None else ()
    seen = dict(zip(graph.non_linear, observed, strict=False))
    _annotate(module, nodes, files, chosen, seen, _constants(graph, inputs), histograms)
    return _printed(module)


def _printed(module: Any) -> str:
    """Generic text with a location on each operation, and the weights after it."""
    head: str = module.operation.get_asm(
        print_generic_op_form=True, enable_debug_info=True, use_local_scope=True
    )
    # Local scope leaves the weights out, global scope moves the locations to aliases.
    whole: str = module.operation.get_asm(print_generic_op_form=True)
    _, mark, weights = whole.partition("\n{-#")
    return re.sub(rf'loc\("{_MARK}":\d+:\d+\)', "loc(unknown)", head.rstrip()) + mark + weights


def _chosen_ranges(
    graph: Graph, ranges: Mapping[str, Range] | None, calibration: Calibration | None
) -> dict[Node, Range]:
    if calibration is not None:
        if calibration.operators != graph.names:
            raise ExportError(
                f"the calibration saw {len(calibration.operators)} non-linear operators and the "
                f"model has {len(graph.names)}, or their order differs; calibrate this model again"
            )
        pairs = zip(graph.non_linear, calibration.observations, strict=True)
        return {node: seen.range for node, seen in pairs if seen is not None}
    chosen: dict[Node, Range] = {}
    for key, bounds in (ranges or {}).items():
        named = [n for n in graph.non_linear if key in (layer_name(n), operator_name(n))]
        if not named:
            known = sorted({layer_name(n) or operator_name(n) for n in graph.non_linear})
            raise ExportError(f"no non-linear operator is called `{key}`; there are {known}")
        chosen.update(dict.fromkeys(named, bounds))
    return chosen


def _imported(graph: Graph) -> tuple[Any, list[Node], dict[int, tuple[str, int] | None]]:
    """Import a graph, with the number of its node as the location of every operation."""
    ir = importlib.import_module("torch_mlir.ir")
    nodes: list[Node] = list(graph.program.graph.nodes)
    files = {number: source(node) for number, node in enumerate(nodes)}
    traces = [node.meta.get("stack_trace") for node in nodes]
    for number, node in enumerate(nodes):
        node.meta["stack_trace"] = f'File "{_MARK}", line {number}, in forward'
    context = ir.Context()
    importlib.import_module("torch_mlir.dialects.torch").register_dialect(context)
    importer: Any = importlib.import_module("torch_mlir.extras.fx_importer").FxImporter(
        context=context, hooks=Literals()
    )
    try:
        importer.import_program(graph.program, func_name="main")
        _simplify(importer.module, graph)
    except Exception as error:
        raise ExportError(_explain(error, files)) from error
    finally:
        for node, trace in zip(nodes, traces, strict=True):
            node.meta["stack_trace"] = trace
    return importer.module, nodes, files


def _simplify(module: Any, graph: Graph) -> None:
    """torch-mlir's way from the imported graph to value semantics, non-linear operators legal."""
    legal = (operators.non_linear() | operators.BOUNDS) - (
        operators.MADE_BY_LOWERING - set(graph.names)
    )
    legal |= operators.UPSAMPLING & {operator_name(node) for node in graph.program.graph.nodes}
    names = ",".join(f"aten.{name}" for name in sorted(legal))
    pipeline = (
        "builtin.module(func.func(torch-match-quantized-custom-ops),"
        f"torchdynamo-export-to-torch-backend-pipeline{{backend-legal-ops={names} extra-library=}})"
    )
    with module.context:
        manager = importlib.import_module("torch_mlir.passmanager").PassManager.parse(pipeline)
        # torch-mlir refuses operators that it does not know, but leaves other dialects alone.
        module.context.allow_unregistered_dialects = True
        _rename(module, _OPERATOR, _HELD)
        manager.run(module.operation)
        _rename(module, _HELD, _OPERATOR)


def _rename(module: Any, old: str, new: str) -> None:
    """Our own operators under another name of the operation."""
    ir = importlib.import_module("torch_mlir.ir")
    for op in _operations(module.operation):
        if op.name == old and op.attributes["name"].value == f"torch.{weightless.NAME}":
            made = ir.Operation.create(
                new,
                results=[result.type for result in op.results],
                operands=list(op.operands),
                attributes={"name": op.attributes["name"]},
                loc=op.location,
                ip=ir.InsertionPoint(op),
            )
            op.results[0].replace_all_uses_with(made.results[0])
            op.erase()


def _constants(graph: Graph, inputs: Inputs) -> dict[Node, torch.Tensor]:
    """Values of the non-linear nodes that no input reaches."""
    wanted = [node for node in graph.non_linear if node in graph.constant]
    values: dict[Node, torch.Tensor] = {}
    if not wanted:
        return values

    class Recorder(Interpreter):
        def run_node(self, n: Node) -> Any:
            value = super().run_node(n)
            if n in wanted and isinstance(value, torch.Tensor):
                values[n] = value
            return value

    with torch.no_grad():
        Recorder(graph.program.graph_module).run(*graph.bind(inputs), enable_io_processing=False)
    return values


def _annotate(
    module: Any,
    nodes: list[Node],
    files: dict[int, tuple[str, int] | None],
    chosen: dict[Node, Range],
    seen: Mapping[Node, Observation | None],
    constants: dict[Node, torch.Tensor],
    histograms: bool,
) -> None:
    """Give operations their source locations and ranges back, and fold those on constants."""
    ir = importlib.import_module("torch_mlir.ir")
    found: set[Node] = set()
    folded = False
    with module.context, ir.Location.unknown():
        for op in _operations(module.operation):
            number = _number(str(op.location))
            if number is None:
                op.location = ir.Location.unknown()
                continue
            node = nodes[number]
            op.location = _location(ir, files[number], layer_name(node))
            if op.name != f"torch.aten.{operator_name(node)}":
                continue
            if node in constants:
                folded = _fold(ir, op, constants[node]) or folded
            elif node in chosen:
                _declare(ir, op, chosen[node], seen.get(node), histograms)
                found.add(node)
        if folded:
            manager = importlib.import_module("torch_mlir.passmanager").PassManager
            manager.parse("builtin.module(canonicalize,cse)").run(module.operation)
    _check_found(found, chosen)


def _location(ir: Any, place: tuple[str, int] | None, layer: str) -> Any:
    """`loc("encoder.0.act"("model.py":12:0))`: the layer and the source line."""
    inner = ir.Location.file(*place, 0) if place else ir.Location.unknown()
    return ir.Location.name(layer, inner) if layer else inner


def _declare(
    ir: Any, op: Any, interval: Range, observation: Observation | None, histograms: bool
) -> None:
    """Write on an operation what is known of its input."""

    def bounds(interval: Range) -> Any:
        return ir.ArrayAttr.get([ir.FloatAttr.get(ir.F64Type.get(), x) for x in interval])

    op.attributes["pwl.range"] = bounds(interval)
    if observation is None:
        return
    for name, seen in (
        (NUMERATOR, observation.numerator),
        (RESULT, observation.result),
        (RAW, observation.raw),
        (PRODUCT, observation.product),
    ):
        if seen is not None:
            op.attributes[name] = bounds(seen)
    if observation.named:
        width = ir.IntegerType.get_signless(64)
        op.attributes["pwl.bits"] = ir.IntegerAttr.get(width, observation.bits)
    if observation.quantiles is not None:
        op.attributes["pwl.quantiles"] = ir.DenseElementsAttr.get(observation.quantiles)
    if observation.row_sizes is not None:
        op.attributes[ROW_SIZES] = ir.DenseElementsAttr.get(observation.row_sizes.copy())
    if histograms:
        op.attributes["pwl.histogram"] = ir.DenseElementsAttr.get(observation.stored_counts)


def _check_found(found: set[Node], chosen: dict[Node, Range]) -> None:
    """Every node with a range must be an operation, unless an equal node stands for it."""

    def key(node: Node) -> tuple[Any, ...]:
        return (node.target, repr(node.args), repr(node.kwargs))

    present = {key(node) for node in found}
    for node in chosen.keys() - found:
        if key(node) not in present and node.users:
            place = source(node)
            at = f"{place[0]}:{place[1]}: " if place else ""
            raise ExportError(
                f"{at}`{operator_name(node)}` has a range but is not in the exported module; "
                "name it in `decompose`"
            )


def _fold(ir: Any, op: Any, value: torch.Tensor) -> bool:
    kind = op.results[0].type
    if not value.is_floating_point() or value.dtype not in (torch.float32, torch.float64):
        return False
    array = value.detach().contiguous().cpu().numpy()
    attribute = ir.DenseElementsAttr.get(array)
    literal = ir.Operation.create(
        "torch.vtensor.literal",
        results=[kind],
        attributes={"value": attribute},
        loc=op.location,
        ip=ir.InsertionPoint(op),
    )
    op.results[0].replace_all_uses_with(literal.results[0])
    op.erase()
    return True


def _operations(operation: Any) -> list[Any]:
    found: list[Any] = [operation]
    for op in found:
        blocks = (block for region in op.regions for block in region.blocks)
        found.extend(child.operation for block in blocks for child in block.operations)
    return found


def _number(location: str) -> int | None:
    match = re.search(rf'"{_MARK}":(\d+)', location)
    return int(match[1]) if match else None


def _explain(error: Exception, files: dict[int, tuple[str, int] | None]) -> str:
    """An importer's or a pass's error, with the node's source line."""
    diagnostics = getattr(error, "error_diagnostics", ())
    location = str(diagnostics[0].location) if diagnostics else ""
    message = str(diagnostics[0].message) if diagnostics else str(error)
    number = _number(location)
    if number is None:
        number = _number(message)
    place = files.get(number) if number is not None else None
    at = f"{place[0]}:{place[1]}: " if place else ""
    operation = re.search(r'name = "torch\.([\w.]+)"', message)
    what = f"`{operation[1]}` is not supported by torch-mlir" if operation else message[:500]
    advice = _SWITCHES.get(operation[1], _OTHERWISE) if operation else _OTHERWISE
    return f"{at}{what}; {advice}"


_OTHERWISE = "express it with other operators"

_EXPERTS = (
    "transformers' mixtures of experts have a form without it: set "
    'experts_implementation="batched_mm" in the model\'s configuration'
)

_SWITCHES: dict[str, str] = {"aten.histc": _EXPERTS, "aten._grouped_mm": _EXPERTS}
"""Operators that a library can be told not to use."""
