"""The pass `pwl-search`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec

from lut_opt.passes.support.options import from_spec
from lut_opt.passes.tabulate.options import SearchOptions

if TYPE_CHECKING:
    from lut_opt.passes.tabulate.units import Solved


@dataclass(frozen=True)
class PwlSearchPass(SearchOptions, ModulePass):
    """
    Find the table of every `pwl.apply` and write it, with its certificate, on the op.

    Equal problems (function, types, domain, weights) are solved once. The result depends on the IR,
    the options and the seed alone. Softmax, the norms and divisions get their tables too, in the
    form that fits, and so do functions with a range reduction, whose relative errors count;
    frac-bits, exponent-bits, form, domain, budgets and constraints are not for them. An operator's
    own `pwl.entries` and `pwl.param_bits` come before the options of these names.

    Before:   %y = pwl.apply #pwl.fn<gelu> %x : …
    After:    %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, …> fit #pwl.fit<optimal, …> : …
    Requires: every function is defined on its input's storage range, or on the domain given.
    Ensures:  every `pwl.apply` has a table and a certificate.
    """

    name = "pwl-search"

    @classmethod
    def from_spec(cls, spec: ArgSpec) -> Self:
        """The pass as `xdsl-opt` asks for it: strategies bring options that are no fields here."""
        return from_spec(cls, spec)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Search the tables of the whole module."""
        self.search(op, {})

    def search(self, op: ModuleOp, solved: Solved) -> None:
        """The same, where modules share what is `solved`; it is added to."""
        from lut_opt.passes.tabulate.table_search import TableSearch

        TableSearch(self, solved).search(op, self.name)
