"""Choose the chains of a module that become one table each, and put them where tables are made."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation
from xdsl.rewriter import Rewriter

from lut_opt.dialects.assembly import describe_location
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.pwl.function_body import FunctionBody
from lut_opt.dialects.pwl.reduction import EXPONENTIALS
from lut_opt.passes.fuse.chains import Candidate, Chain, find_chains
from lut_opt.passes.fuse.compositions import Composition
from lut_opt.passes.fuse.elementwise import Elementwise, Uniform
from lut_opt.passes.quantize.functions import range_name
from lut_opt.passes.quantize.given import quantized_source
from lut_opt.passes.quantize.wide import GROWTH
from lut_opt.passes.recognize.functions import Fused, Nonlinear
from lut_opt.passes.recognize.names import operator_name
from lut_opt.passes.recognize.periodic import is_periodic
from lut_opt.passes.support.declarations import (
    FUSED,
    declared_range,
    operand_declarations,
    result_declarations,
    size_declarations,
)
from lut_opt.passes.support.diagnostics import about

NOT_SPELLED = ("square",)
"""Functions that products alone do not count as: x·x is a multiplication already."""

_PRODUCTS = ("torch.aten.mul.Tensor", "arith.mulf")

SPELLED_OPS = 16
"""No function of the registry takes more sums, products and selections to write."""


class Fusion:
    """
    The chains of a module, each to be lowered at its last op.

    A chain is fused if an op in it is worth a table for itself, or if it spells a function of the
    registry out of products and selections; and if the scale of its input is known (`scaled`: one
    always is). Of the chains that end in one op it is the longest that is defined everywhere.
    """

    def __init__(
        self, module: ModuleOp, keep: tuple[str, ...], *, fuse: bool = True, scaled: bool = False
    ):
        self.module, self.keep, self.scaled = module, keep, scaled
        self.bodies = frozenset(
            op.function.string_value()
            for op in module.walk()
            if isinstance(op, ApplyOp) and isinstance(op.function, SymbolRefAttr)
        )
        """Functions that a `pwl.apply` names: they say what to approximate, so they stay."""
        self.is_uniform = Uniform()
        """Which values are constants: lowering an op leaves that as it is."""
        chains = find_chains(module, self._choose, self._is_barred, self.is_uniform) if fuse else []
        self.at = {chain.last: chain for chain in chains}
        """The chains by their last ops."""
        self.inside = {op for chain in chains for op in (*chain.ops[:-1], *chain.constants())}
        """Ops that go with a chain."""
        self._symbols: dict[FunctionBody, SymbolRefAttr] | None = None

    @property
    def names(self) -> set[str]:
        """What the chains are called that are no function of the registry."""
        return {chain.name for chain in self.at.values()}

    def ops(self, last: Operation) -> tuple[Operation, ...]:
        """The ops of the chain that ends in an op, or else the op."""
        return self.at[last].ops if last in self.at else (last,)

    def lowered(self, last: Operation) -> Nonlinear:
        """What the chain that ends in an op computes."""
        with about(last):
            # Its operand may come from what was lowered since the chain was found.
            composed = Composition.of(self.at[last].renewed())
            function = composed.named()
            declared = composed.declared()
        stays = function is not None or composed.body.name in self.keep
        symbol = None if stays else self._symbol(composed.body)
        fused = Fused(composed.chain.ops, symbol, declared)
        return Nonlinear(last, function or composed.body, composed.chain.operand, fused)

    def erase(self, last: Operation) -> None:
        """Remove an op that was lowered, with its chain."""
        chain = self.at.get(last)
        for op in (*reversed(chain.ops), *chain.constants()) if chain else (last,):
            if op.parent is not None and not any(result.uses for result in op.results):
                Rewriter.erase_op(op)

    def stays(self, op: Operation) -> bool:
        """Whether an op is in a function that a `pwl.apply` names."""
        while (parent := op.parent_op()) is not None:
            if isinstance(parent, FuncOp):
                return parent.sym_name.data in self.bodies
            op = parent
        return False

    def _is_barred(self, member: Elementwise) -> bool:
        kept = member.function is not None and member.function.name in self.keep
        return kept or is_periodic(member.op) or self.stays(member.op)

    def _choose(self, options: Sequence[Candidate]) -> Chain | None:
        curved = [option for option in options if option.is_curved]
        # A table over magnitudes has half the range, and its entries to itself.
        flat = [option for option in curved if not option.folds_first]
        chosen = self._largest(flat) or self._largest([o for o in curved if o not in flat])
        # One op alone is lowered as what it is.
        return chosen.chain if chosen and len(chosen.chain.members) > 1 else None

    def _largest(self, options: Sequence[Candidate]) -> Composition | None:
        """The first that is defined, or if none is worth a table for itself, that is spelled."""
        heavy = self._scaled(o for o in options if o.is_non_linear and not _outgrows(o))
        if (first := next(heavy, None)) is not None:
            return next((c for c in itertools.chain([first], heavy) if c.is_defined()), None)
        light = self._scaled(
            o for o in options if 1 < o.size <= SPELLED_OPS and not o.is_non_linear
        )
        return next((composed for composed in light if _is_spelled(composed)), None)

    def _scaled(self, options: Iterable[Candidate]) -> Iterator[Composition]:
        """What those compose to whose input has a known scale."""
        for option in options:
            stored = self.scaled or quantized_source(option.operand) is not None
            if stored or option.declares:
                composed = Composition.of(option.chain())
                if stored or composed.declared() is not None:
                    yield composed

    def _symbol(self, body: FunctionBody) -> SymbolRefAttr:
        """The function of the module that has this body, added if there is none."""
        if self._symbols is None:
            self._symbols = {
                FunctionBody(op): SymbolRefAttr(op.sym_name.data)
                for op in self.module.ops
                if isinstance(op, FuncOp) and op.sym_name.data in self.bodies
            }
        if body not in self._symbols:
            taken = {op.properties.get("sym_name") for op in self.module.ops}
            name, number = body.name, 0
            while StringAttr(name) in taken:
                number += 1
                name = f"{body.name}_{number}"
            body.op.sym_name = StringAttr(name)
            body.name = name
            self.module.body.block.add_op(body.op)
            self._symbols[body] = SymbolRefAttr(name)
        return self._symbols[body]


def _outgrows(option: Candidate) -> bool:
    """
    Whether it is made of sums and products of exponentials that need a range reduction.

    By themselves these keep what is small exact to some bits, where one table of the whole cannot.
    """
    if option.size == 1:
        return False
    grown = False
    for member in itertools.islice(option.found, option.size):
        name = member.function.name if member.function else operator_name(member.op)
        if name in EXPONENTIALS:
            low, high = declared_range(member.op) or (0.0, 0.0)
            octaves = low * EXPONENTIALS[name], high * EXPONENTIALS[name]
            grown = grown or (octaves[1] > 1 and octaves[1] - octaves[0] > GROWTH)
        elif member.weight != "linear" and name not in _PRODUCTS:
            return False
    return grown


def _is_spelled(composed: Composition) -> bool:
    function = composed.named()
    return function is not None and function.name not in NOT_SPELLED


def all_declarations(found: Nonlinear) -> dict[str, Attribute]:
    """Attributes of the `pwl.apply`: what the ops declared, and which they were if many."""
    if (fused := found.fused) is None:
        operand = operand_declarations(found.op, range_name(found))
        return operand | result_declarations(found.op) | size_declarations(found.op)
    names = [StringAttr(_describe(op)) for op in fused.ops]
    result = {**result_declarations(fused.ops[-1]), FUSED: ArrayAttr(names)}
    sizes: dict[str, Attribute] = {}
    # The op that says what the inputs are, if any, is the first to say how large the table is.
    for op in (*fused.ops, *([fused.declared.op] if fused.declared else [])):
        sizes |= size_declarations(op)
    return {**(fused.declared.attributes if fused.declared else {}), **result, **sizes}


def _describe(op: Operation) -> str:
    """An op's name with the line that it comes from: `torch.aten.tanh at model.py:12`."""
    line = re.fullmatch(r"(.+:\d+):\d+", describe_location(op))
    name = operator_name(op)
    return f"{name} at {line[1]}" if line else name
