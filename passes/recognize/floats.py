"""
Every operator on floats that a module computes, linear ones included.

    for op in float_operators(module): ...

Not counted: the quantization of a function's arguments and the dequantization of its results, what
only moves elements before the one or after the other, constants, and what they compute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block, Operation, SSAValue

from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.torch import is_float, torch_name

MOVES = frozenset(
    """
    view reshape _unsafe_view _reshape_alias flatten unflatten unsqueeze squeeze permute transpose t
    expand broadcast_to contiguous clone alias detach slice select cat flip roll
    """.split()
)
"""Operators of `torch.aten` that compute nothing, without their overloads."""

_CASTS = ("torch_c.to_builtin_tensor", "torch_c.from_builtin_tensor")


def float_operators(module: ModuleOp) -> list[Operation]:
    """The operators on floats between quantizations, in program order; see above."""
    found: list[Operation] = []
    named = {
        op.function.string_value()
        for op in module.walk()
        if isinstance(op, ApplyOp) and isinstance(op.function, SymbolRefAttr)
    }
    for function in module.walk():
        if isinstance(function, FuncOp) and function.sym_name.data not in named:
            for block in function.body.blocks:
                found += _of_block(block)
    return found


def has_integer_products(module: ModuleOp) -> bool:
    """Whether sums of products of integers are computed: the network is meant to be whole."""
    return any(
        isinstance(op, GenericOp)
        and IteratorTypeAttr.reduction() in op.iterator_types.data
        and len(op.inputs) == 2
        and not _makes_floats(op)
        for op in module.walk()
    )


def _of_block(block: Block) -> Iterator[Operation]:
    for op in block.ops:
        reads, makes = any(is_float(value.type) for value in _read(op)), _makes_floats(op)
        if not reads or isinstance(op, ReturnOp) or op.name in _CASTS:
            continue
        if _moves(op) and (_from_arguments(op) or _to_results(op)):
            continue
        if makes or not _from_arguments(op):
            yield op


def _read(op: Operation) -> Sequence[SSAValue]:
    """What an op reads besides constants: not the tensors that it writes its results to."""
    values = op.inputs if isinstance(op, GenericOp) else op.operands
    return [v for v in values if isinstance(v.owner, Block) or v.owner.operands]


def _makes_floats(op: Operation) -> bool:
    return any(is_float(value.type) for value in op.results)


def _moves(op: Operation) -> bool:
    name = (torch_name(op) or "").removeprefix("aten.").partition(".")[0]
    return op.name in _CASTS or name in MOVES


def _from_arguments(op: Operation) -> bool:
    """Whether its floats are arguments of the function, moved at most, or constants."""
    for value in _read(op):
        if not is_float(value.type):
            continue
        source = value.owner
        if isinstance(source, Block):
            continue
        if not _moves(source) or not _from_arguments(source):
            return False
    return True


def _to_results(op: Operation) -> bool:
    """Whether its results are those of the function, moved at most."""
    return all(
        isinstance(use.operation, ReturnOp)
        or (_moves(use.operation) and _to_results(use.operation))
        for result in op.results
        for use in result.uses
    )
