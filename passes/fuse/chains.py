"""
Chains of element-wise ops: subgraphs with one tensor input and one result.

Pure graph work. Nothing inside a chain is used outside of it, constants aside, and all values have
the shape of the input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import islice

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue

from lut_opt.passes.fuse.elementwise import Elementwise, Uniform, elementwise, number_of
from lut_opt.passes.fuse.terms import Term
from lut_opt.passes.quantize.given import quantized_source
from lut_opt.passes.recognize.names import operator_name
from lut_opt.passes.support.declarations import NUMERATOR, RANGE

MOST_OPS = 512
"""The longest chain: finding one takes time in proportion to the ops that it could hold."""

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

    def renewed(self) -> Chain:
        """The same ops on the value that they take in by now."""
        uniform = Uniform()
        found = (elementwise(op, uniform) for op in self.ops)
        members = tuple(member for member in found if member is not None)
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
        found: dict[Operation, None] = {}
        uniform = Uniform()

        def visit(value: SSAValue) -> None:
            op = value.owner
            if number_of(value) is None and isinstance(op, Operation) and op not in found:
                member = elementwise(op, uniform)
                for operand in member.operands if member else ():
                    visit(operand)
                found[op] = None

        for member in self.members:
            for value in member.operands:
                if value not in member.inputs:
                    visit(value)
        return [*reversed(found)]


def _term(value: SSAValue, terms: dict[SSAValue, Term], x: Term) -> Term:
    """The term of a value of the chain, or of a constant that feeds it."""
    if value in terms:
        return terms[value]
    if (number := number_of(value)) is not None:
        return x.number(number)
    assert isinstance(value.owner, Operation)
    member = elementwise(value.owner, Uniform())
    assert member is not None
    return member.formula([_term(operand, terms, x) for operand in member.operands])


@dataclass(frozen=True)
class Candidate:
    """A chain that may be chosen; its ops are listed only if somebody asks."""

    found: list[Elementwise]
    """The ops from the last one up: more than those of the chain once the walk went on."""
    size: int
    operand: SSAValue
    is_non_linear: bool
    """Whether an op in it is worth a table for itself."""
    is_curved: bool
    """Whether it holds more than sums, bounds and constant factors."""
    declares: bool
    """Whether an op in it declares the range of an operand."""

    def chain(self) -> Chain:
        """The ops in program order."""
        return Chain(tuple(reversed(self.found[: self.size])), self.operand)

    @property
    def folds_first(self) -> bool:
        """Whether it takes the magnitude of its operand, and nothing else of it."""
        members = islice(self.found, self.size)
        first = (member.op for member in members if self.operand in member.inputs)
        return all(operator_name(op) in _MAGNITUDES for op in first)


def find_chains(
    module: ModuleOp,
    chosen: Callable[[Sequence[Candidate]], Chain | None],
    barred: Callable[[Elementwise], bool],
    is_uniform: Uniform,
) -> list[Chain]:
    """
    The chains of a module that `chosen` picks from those that end in one op, largest first.

    Each op is in at most one chain, and later ops choose before earlier ones. No chain holds an op
    that is `barred`, nor more than `MOST_OPS`.
    """
    found: list[Chain] = []
    for block in _blocks(module):
        graph = _Graph(block, barred, is_uniform)
        for last in reversed(graph.members):
            if last in graph.taken:
                continue
            if (chain := chosen(graph.candidates(last)[::-1])) is not None:
                graph.taken.update(chain.ops)
                found.append(chain)
    return found


def _blocks(module: ModuleOp) -> Iterator[Block]:
    for op in module.walk():
        for region in op.regions:
            yield from region.blocks


class _Graph:
    """The element-wise ops of one block."""

    def __init__(self, block: Block, barred: Callable[[Elementwise], bool], is_uniform: Uniform):
        self.members: dict[Operation, Elementwise] = {}
        self.position: dict[Operation, int] = {}
        self.taken: set[Operation] = set()
        for position, op in enumerate(block.ops):
            member = elementwise(op, is_uniform)
            # Without inputs it is a constant, which every chain may compute for itself.
            if member is not None and member.inputs and not barred(member):
                self.members[op], self.position[op] = member, position

    def candidates(self, last: Operation) -> list[Candidate]:
        """
        The chains that end in `last`, from the smallest up.

        The latest value that the ops so far take in is replaced by what its op takes in, as long as
        all its users are among them. Whenever one value is left, that is a chain. Ops are found in
        the opposite of program order.
        """
        options: list[Candidate] = []
        ops, inside = [self.members[last]], {last}
        weights, declares = {self.members[last].weight}, _declares(last)
        entering, closed = set(self.members[last].inputs), set[SSAValue]()
        frontier = [(-self._place(value), id(value), value) for value in entering]
        heapify(frontier)
        while True:
            if len(entering) == 1:
                (operand,) = entering
                if operand.type == last.results[0].type:
                    heavy = "non-linear" in weights or (
                        "power" in weights and quantized_source(operand) is not None
                    )
                    curved = weights != {"linear"}
                    options.append(Candidate(ops, len(ops), operand, heavy, curved, declares))
            if not frontier or len(closed) > 1 or len(ops) == MOST_OPS:
                return options
            *_, value = heappop(frontier)
            owner = value.owner
            if not isinstance(owner, Operation) or not self._is_free(owner, inside):
                closed.add(value)
                continue
            entering.remove(value)
            inside.add(owner)
            ops.append(self.members[owner])
            weights.add(self.members[owner].weight)
            declares = declares or _declares(owner)
            for new in self.members[owner].inputs:
                if new not in entering:
                    entering.add(new)
                    heappush(frontier, (-self._place(new), id(new), new))

    def _place(self, value: SSAValue) -> int:
        owner = value.owner
        return self.position.get(owner, -1) if isinstance(owner, Operation) else -1

    def _is_free(self, op: Operation, inside: set[Operation]) -> bool:
        """Whether an op may join those inside: only they use it."""
        if op not in self.members or op in self.taken:
            return False
        return all(use.operation in inside for use in op.results[0].uses)


def _declares(op: Operation) -> bool:
    return RANGE in op.attributes or NUMERATOR in op.attributes
