"""
Chains of element-wise ops: subgraphs with one tensor input and one result.

Pure graph work. Nothing inside a chain is used outside of it, constants aside, and all values have
the shape of the input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue

from lut_opt.passes.fuse.elementwise import Elementwise, elementwise, is_uniform, number_of
from lut_opt.passes.fuse.terms import Term
from lut_opt.passes.recognize.names import operator_name

_MAGNITUDES = ("torch.aten.abs", "math.absf", "stablehlo.abs", "tosa.abs")


@dataclass(frozen=True)
class Chain:
    """Element-wise ops in program order; the last one's result is a function of one value."""

    members: tuple[Elementwise, ...]
    operand: SSAValue

    @property
    def last(self) -> Operation:
        """The op whose result the chain computes."""
        return self.members[-1].op

    @property
    def ops(self) -> tuple[Operation, ...]:
        """The ops, in program order."""
        return tuple(member.op for member in self.members)

    @property
    def name(self) -> str:
        """What a function of its own is called: `fused_tanh_erf`."""
        heavy = [member for member in self.members if member.weight == "non-linear"]
        names = [operator_name(member.op) for member in heavy]
        words = [re.sub(r"^(torch\.aten|math|linalg|tosa|stablehlo|chlo)\.", "", n) for n in names]
        # An overload is not of the name.
        words = [re.sub(r"\W.*", "", word) for word in words]
        return "_".join(["fused", *words])

    @property
    def is_non_linear(self) -> bool:
        """Whether an op in it is worth a table for itself."""
        return any(member.weight == "non-linear" for member in self.members)

    @property
    def is_curved(self) -> bool:
        """Whether it holds more than sums, bounds and constant factors."""
        return any(member.weight != "linear" for member in self.members)

    @property
    def folds_first(self) -> bool:
        """Whether it takes the magnitude of its operand, and nothing else of it."""
        first = [member for member in self.members if self.operand in member.inputs]
        return all(operator_name(member.op) in _MAGNITUDES for member in first)

    def renewed(self) -> Chain:
        """The same ops on the value that they take in by now."""
        members = tuple(member for op in self.ops if (member := elementwise(op)) is not None)
        inside = {op.results[0] for op in self.ops}
        (operand,) = {v for member in members for v in member.inputs if v not in inside}
        return Chain(members, operand)

    def compose(self, x: Term) -> dict[SSAValue, Term]:
        """Append the chain's computation to the body of `x`; the term of each of its values."""
        terms = {self.operand: x}
        for member in self.members:
            operands = [_term(value, terms, x) for value in member.operands]
            terms[member.op.results[0]] = member.formula(operands)
        return terms

    def constants(self) -> list[Operation]:
        """The ops that compute constants from constants for it, each before those it uses."""
        found: list[Operation] = []
        work = [v for member in self.members for v in member.operands if is_uniform(v)]
        for value in work:
            if number_of(value) is None and isinstance(value.owner, Operation):
                found.append(value.owner)
                work += [v for v in value.owner.operands if is_uniform(v)]
        return found


def _term(value: SSAValue, terms: dict[SSAValue, Term], x: Term) -> Term:
    """The term of a value of the chain, or of a constant that feeds it."""
    if value in terms:
        return terms[value]
    if (number := number_of(value)) is not None:
        return x.number(number)
    assert isinstance(value.owner, Operation)
    member = elementwise(value.owner)
    assert member is not None
    return member.formula([_term(operand, terms, x) for operand in member.operands])


def find_chains(
    module: ModuleOp,
    chosen: Callable[[Iterator[Chain]], Chain | None],
    barred: Callable[[Elementwise], bool],
) -> list[Chain]:
    """
    The chains of a module that `chosen` picks from those that end in one op, largest first.

    Each op is in at most one chain, and later ops choose before earlier ones. No chain holds an op
    that is `barred`.
    """
    found: list[Chain] = []
    for block in _blocks(module):
        graph = _Graph(block, barred)
        for last in reversed(graph.members):
            if last in graph.taken:
                continue
            if (chain := chosen(reversed(list(graph.chains(last))))) is not None:
                graph.taken.update(chain.ops)
                found.append(chain)
    return found


def _blocks(module: ModuleOp) -> Iterator[Block]:
    for op in module.walk():
        for region in op.regions:
            yield from region.blocks


class _Graph:
    """The element-wise ops of one block."""

    def __init__(self, block: Block, barred: Callable[[Elementwise], bool]):
        self.members: dict[Operation, Elementwise] = {}
        self.position: dict[Operation, int] = {}
        self.taken: set[Operation] = set()
        for position, op in enumerate(block.ops):
            member = elementwise(op)
            # Without inputs it is a constant, which every chain may compute for itself.
            if member is not None and member.inputs and not barred(member):
                self.members[op], self.position[op] = member, position

    def chains(self, last: Operation) -> Iterator[Chain]:
        """
        The chains that end in `last`, from the smallest up.

        The latest value that the ops so far take in is replaced by what its op takes in, as long as
        all its users are among them. Whenever one value is left, that is a chain.
        """
        inside = {last}
        frontier, closed = set(self.members[last].inputs), set[SSAValue]()
        while True:
            (operand, *more) = frontier | closed
            if not more and operand.type == last.results[0].type:
                ops = sorted(inside, key=self.position.__getitem__)
                yield Chain(tuple(self.members[op] for op in ops), operand)
            if not frontier or len(closed) > 1:
                return
            value = max(frontier, key=self._place)
            frontier.remove(value)
            owner = value.owner
            users = {use.operation for use in value.uses}
            if isinstance(owner, Operation) and self._is_free(owner) and users <= inside:
                inside.add(owner)
                frontier |= set(self.members[owner].inputs) - closed
            else:
                closed.add(value)

    def _place(self, value: SSAValue) -> int:
        owner = value.owner
        return self.position.get(owner, -1) if isinstance(owner, Operation) else -1

    def _is_free(self, op: Operation) -> bool:
        return op in self.members and op not in self.taken
