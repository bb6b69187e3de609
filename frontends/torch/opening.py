"""
Open operators of an exported graph that contain a non-linear one: attention and GLU.

An activation in place is written out of place, too, if nothing else reads its input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.graph import ExportError, operator_name
from lut_opt.frontends.torch.observed import scores
from lut_opt.frontends.torch.sources import source


def open_composites(model: GraphModule) -> None:
    """Rewrite the graph in place; new nodes have the location of what they stand for."""
    for node in list(model.graph.nodes):
        name = operator_name(node)
        if (rule := _RULES.get(name)) is not None:
            _open(model, node, rule)
        elif name.endswith("_") and operators.is_non_linear(name[:-1]):
            _out_of_place(model, node, name[:-1])
    model.graph.lint()
    model.recompile()


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **options: Any,
) -> torch.Tensor:
    seen = scores(query, key, value, attn_mask, dropout_p, is_causal, **options)
    weights = torch.softmax(seen, -1)
    if attn_mask is not None:
        # A row that is masked altogether attends to nothing.
        nothing = (seen == -math.inf).all(-1, keepdim=True)
        weights = weights.masked_fill(nothing, 0.0)
    if options.get("enable_gqa"):
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    return weights @ value


def _glu(x: torch.Tensor, dim: int = -1) -> torch.Tensor:
    left, right = x.chunk(2, dim)
    return left * torch.sigmoid(right)


_RULES: dict[str, Callable[..., torch.Tensor]] = {operators.ATTENTION: _attention, "glu": _glu}


def _open(model: GraphModule, node: Node, rule: Callable[..., torch.Tensor]) -> None:
    """Put the graph of `rule`, traced on the node's own shapes, in the place of a node."""
    leaves, tree = pytree.tree_flatten((node.args, node.kwargs))
    inputs = [leaf for leaf in leaves if isinstance(leaf, Node)]

    def traced(*tensors: Any) -> torch.Tensor:
        given = iter(tensors)
        values = [next(given) if isinstance(leaf, Node) else leaf for leaf in leaves]
        arguments, keywords = pytree.tree_unflatten(values, tree)
        return rule(*arguments, **keywords)

    shown = [each.meta["val"] for each in inputs]
    with shown[0].fake_mode:
        body = make_fx(traced, pre_dispatch=True)(*shown)
    placeholders = [each for each in body.graph.nodes if each.op == "placeholder"]
    values = dict(zip(placeholders, inputs, strict=True))
    for inner in body.graph.nodes:
        if inner.op == "get_attr":
            held = f"_{node.name}_{inner.target}"
            setattr(model, held, getattr(body, str(inner.target)))
            inner.target = held
    kept = set(model.graph.nodes)
    with model.graph.inserting_before(node):
        result = model.graph.graph_copy(body.graph, values)
    for made in model.graph.nodes:
        if made not in kept:
            for key in ("stack_trace", "nn_module_stack"):
                made.meta[key] = node.meta.get(key)
    node.replace_all_uses_with(cast(Node, result))
    model.graph.erase_node(node)


def _out_of_place(model: GraphModule, node: Node, name: str) -> None:
    operand = node.args[0]
    if not isinstance(operand, Node) or operand.op != "call_function" or len(operand.users) > 1:
        place = source(node)
        at = f"{place[0]}:{place[1]}: " if place else ""
        raise ExportError(f"{at}`{name}_` overwrites a tensor that others read: use inplace=False")
    packet = getattr(torch.ops.aten, name.partition(".")[0])
    node.target = getattr(packet, name.partition(".")[2] or "default")
