"""
Which nodes of a graph each lowered unit stands for.

The lowering itself finds them: its input is the graph's program, in which the line of each
operation is the number of its node.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node
from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Block, Operation, SSAValue

from lut_opt.dialects.assembly import describe_location
from lut_opt.dialects.pwl import ApplyOp, DivideOp, UnitOp
from lut_opt.dialects.torch import constant_value, torch_name
from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.graph import Graph, operator_name
from lut_opt.frontends.torch.sources import layer_name, source
from lut_opt.passes.support.declarations import FUSED

_FILE = "/node"
"""The file name under which a node's number travels as a source line."""

Unit = ApplyOp | UnitOp


@dataclass(frozen=True)
class Place:
    """A unit, the node whose value it computes, and the nodes that it computes it from."""

    unit: Unit
    node: Node
    operands: tuple[Node, ...]
    factor: float = 1.0
    """What the unit's result is multiplied with to be the node's value."""

    @property
    def name(self) -> str:
        """Source line, operator and layer, for people."""
        return describe(self.node)


def describe(node: Node) -> str:
    """`file:line: \\`operator\\` of layer \\`name\\``."""
    place, layer = source(node), layer_name(node)
    at = f"{place[0]}:{place[1]}: " if place else ""
    return f"{at}`{operator_name(node)}`" + (f" of layer `{layer}`" if layer else "")


@contextmanager
def numbered(graph: Graph) -> Generator[list[Node]]:
    """The graph's nodes, whose numbers stand for their source lines as long as this lasts."""
    nodes: list[Node] = list(graph.program.graph.nodes)
    traces = [node.meta.get("stack_trace") for node in nodes]
    for number, node in enumerate(nodes):
        node.meta["stack_trace"] = f'File "{_FILE}", line {number}, in forward'
    try:
        yield nodes
    finally:
        for node, trace in zip(nodes, traces, strict=True):
            node.meta["stack_trace"] = trace


def number_in(text: str) -> int | None:
    """The number of the node that a location or a diagnostic names."""
    found = re.search(rf"{_FILE}:(\d+)", text)
    return int(found[1]) if found else None


def place_of(unit: Unit, nodes: list[Node], graph: Graph, alone: Mapping[int, int]) -> Place | None:
    """
    Where a unit stands, None where its node does not say: a composite of several, say.

    `alone` counts the units of each node.
    """
    number = number_in(describe_location(unit))
    if number is None or alone[number] != 1:
        return None
    node = nodes[number]
    if not isinstance(node.meta.get("val"), torch.Tensor):
        return None
    operands = _operands(unit, node, nodes, graph)
    factor = _factor(unit, number)
    if operands is None or factor is None:
        return None
    return Place(unit, node, operands, factor)


def _operands(unit: Unit, node: Node, nodes: list[Node], graph: Graph) -> tuple[Node, ...] | None:
    name = operator_name(node)
    if isinstance(unit, DivideOp):
        return _nodes(node.args[:2]) if name == operators.DIVISION else None
    if isinstance(unit, ApplyOp):
        return _chain_operand(unit, node, nodes, graph)
    if operators.is_non_linear(name) and name != operators.DIVISION:
        return _nodes(node.args[:1])
    made = _source(unit.operands[0])
    found = None if made is None else nodes[made]
    shape = () if found is None else getattr(found.meta.get("val"), "shape", ())
    return (found,) if found is not None and tuple(shape) == unit.shape else None


def _nodes(arguments: Any) -> tuple[Node, ...] | None:
    return tuple(arguments) if all(isinstance(each, Node) for each in arguments) else None


def _chain_operand(
    unit: ApplyOp, node: Node, nodes: list[Node], graph: Graph
) -> tuple[Node, ...] | None:
    """The one value that the nodes of a chain, or a node by itself, take from outside."""
    members = {node}
    match unit.attributes.get(FUSED):
        case ArrayAttr() as fused:
            numbers = [number_in(s.data) for s in fused if isinstance(s, StringAttr)]
            members |= {nodes[n] for n in numbers if n is not None}
        case _:
            pass
    outside = {
        argument
        for member in members
        for argument in member.all_input_nodes
        if argument not in members and argument not in graph.constant
    }
    return tuple(outside) if len(outside) == 1 else None


def _source(value: SSAValue) -> int | None:
    """The number of the node that makes a value, behind casts."""
    owner = value.owner
    while isinstance(owner, Operation) and owner.name.startswith(("quant.", "torch_c.")):
        owner = owner.operands[0].owner
    if isinstance(owner, Block):
        return None
    return number_in(describe_location(owner))


def _factor(unit: Unit, number: int) -> float | None:
    """The constant that a unit's result is multiplied with within its own node, if nothing else."""
    value: SSAValue = unit.results[0]
    factor = 1.0
    while len(users := {use.operation for use in value.uses}) == 1:
        (user,) = users
        own = number_in(describe_location(user)) == number
        if user.name == "quant.dcast" or user.name.startswith("torch_c.from"):
            value = user.results[0]
        elif own and torch_name(user) == "aten.mul.Scalar":
            constant = constant_value(user.operands[1])
            if not isinstance(constant, int | float):
                return None
            factor *= constant
            value = user.results[0]
        else:
            return None if own and user.results else factor
    return factor
