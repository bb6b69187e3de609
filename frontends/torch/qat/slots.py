"""A unit's place in a trained graph: the integers themselves, or the operator for the export."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from torch import Tensor, nn
from torch.fx import Graph as FxGraph
from torch.fx import GraphModule, Node

from lut_opt.dialects.pwl import ApplyOp, DivideOp, LayerNormOp, LogSoftmaxOp, NormOp, SoftmaxOp
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.pwl.units import Division, LogSoftmax, Norm, Softmax
from lut_opt.frontends.torch.operator import (
    Applied,
    Apply,
    DivisionModule,
    LogSoftmaxModule,
    NormModule,
    Scale,
    Slope,
    SoftmaxModule,
)
from lut_opt.frontends.torch.qat.config import QatError
from lut_opt.frontends.torch.qat.places import Place
from lut_opt.frontends.torch.qat.windows import Unit, Window, at_scales, neighbours


class Slot(nn.Module):
    """
    What computes a unit's node in the graph that is trained.

    `body` are the operators that the unit stands for. With `is_open` these compute, for the export.
    """

    def __init__(
        self, place: Place, window: Window, unit: nn.Module, scales: list[Scale], body: GraphModule
    ) -> None:
        super().__init__()
        self.name, self.factor, self.window = place.name, place.factor, window
        self.unit, self.body = unit, body
        # The modules that are trained are the unit's own.
        self.scales: tuple[Scale, ...] = tuple(scales)
        self.is_open = False

    def forward(self, *operands: Tensor) -> Tensor:
        """The value of the node."""
        if self.is_open:
            return self.body(*operands)
        y: Tensor = self.unit(*operands)
        return y if self.factor == 1.0 else y * self.factor

    def chosen(self) -> Unit:
        """The unit at the scales that were learnt, with its tables."""
        first, octaves = self.window.units[0], [scale.octave for scale in self.scales]
        if not isinstance(first, DivideOp):
            return self.window.units[octaves[0]]
        sizes = [s.values[octave] for s, octave in zip(self.scales, octaves, strict=True)]
        return at_scales(first, dict(enumerate(sizes)))


def make_slot(place: Place, window: Window, graph: GraphModule, octaves: int, slope: Slope) -> Slot:
    """The slot of a unit; QatError, with its line, for tables that do not fit together."""
    node = next(each for each in graph.graph.nodes if each.name == place.node.name)
    operands = [operand.name for operand in place.operands]
    try:
        body = _body(graph, node, operands)
        unit, scales = _unit(window, body, octaves, slope)
    except ValueError as error:
        raise QatError(f"{place.name}: {error}") from error
    return Slot(place, window, unit, scales, body)


def _unit(
    window: Window, body: GraphModule, octaves: int, slope: Slope
) -> tuple[nn.Module, list[Scale]]:
    first = window.units[0]
    scale = Scale(window.scales, window.start)
    match first:
        case ApplyOp():
            return Apply([_applied(unit) for unit in window.units], scale, slope), [scale]
        case SoftmaxOp():
            softmaxes = [cast(Softmax, _semantics(unit)) for unit in window.units]
            return SoftmaxModule(softmaxes, scale, first.row_axes[0]), [scale]
        case LogSoftmaxOp():
            logarithms = [cast(LogSoftmax, _semantics(unit)) for unit in window.units]
            return LogSoftmaxModule(logarithms, scale, first.row_axes[0]), [scale]
        case NormOp():
            norms = [cast(Norm, _semantics(unit)) for unit in window.units]
            count = len(first.row_axes)
            return NormModule(norms, scale, count, *_affine(first, body)), [scale]
        case DivideOp():
            division = cast(Division, _semantics(first))
            top = Scale(*neighbours(division.operand.scale, octaves))
            below = Scale(*neighbours(division.denominator.scale, octaves))
            return DivisionModule(division, top, below), [top, below]
        case _:
            raise ValueError(f"{first.name} has no operator that is trained")


def _semantics(unit: Unit) -> Any:
    assert not isinstance(unit, ApplyOp)
    return unit.unit()


def _applied(unit: Unit) -> Applied:
    assert isinstance(unit, ApplyOp)
    assert unit.table is not None
    reduced = None if unit.reduce is None else unit.reduced()
    sides = unit.input_quantization, unit.result_quantization
    return Applied(real_function(unit), *sides, unit.table.data, reduced)


def _affine(unit: NormOp, body: GraphModule) -> tuple[nn.Parameter | None, nn.Parameter | None]:
    """γ and β, the very parameters of the graph."""
    held = [n for n in body.graph.nodes if n.op == "get_attr"]
    wanted = [unit.gamma is not None, isinstance(unit, LayerNormOp) and unit.beta is not None]
    if sum(wanted) != len(held):
        raise ValueError("gamma and beta are no parameters by themselves")
    given = iter(held)
    found = [_parameter(body, next(given)) if there else None for there in wanted]
    return found[0], found[1]


def _parameter(body: GraphModule, node: Node) -> nn.Parameter:
    value: Any = body
    for part in str(node.target).split("."):
        value = getattr(value, part)
    return value if isinstance(value, nn.Parameter) else nn.Parameter(value, requires_grad=False)


def _body(graph: GraphModule, node: Node, operands: list[str]) -> GraphModule:
    """The operators between the operands and a node, as a module of their own."""
    inside: set[Node] = set()
    pending = [node]
    while pending:
        each = pending.pop()
        if each.name in operands or each in inside:
            continue
        if each.op == "placeholder":
            raise ValueError(f"it depends on `{each.name}` too")
        inside.add(each)
        pending += each.all_input_nodes
    made = FxGraph()
    copies = {each: made.placeholder(each.name) for name in operands for each in graph.graph.nodes
              if each.name == name}  # fmt: skip
    for each in graph.graph.nodes:
        if each in inside:
            copies[each] = made.node_copy(each, copies.__getitem__)
    made.output(copies[node])
    return GraphModule(graph, made)


def place_slots(slots: Iterable[tuple[str, Slot, Place]], graph: GraphModule) -> None:
    """Put slots, by their names, where their nodes are, in the order of the program."""
    nodes = {node.name: node for node in graph.graph.nodes}
    for name, slot, place in slots:
        node = nodes[place.node.name]
        graph.add_submodule(name, slot)
        with graph.graph.inserting_after(node):
            call = graph.graph.call_module(name, tuple(nodes[o.name] for o in place.operands))
        call.meta.update(node.meta)
        node.replace_all_uses_with(call)
        # What comes later takes what this computes.
        nodes[node.name] = call
    graph.graph.eliminate_dead_code()
    graph.recompile()
