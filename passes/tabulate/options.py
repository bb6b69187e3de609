"""The options of `pwl-search`, and what the search makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from xdsl.dialects.builtin import DictionaryAttr

from lut_opt.dialects.pwl.request import request_of, request_values
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.search import (
    STRATEGIES,
    Budget,
    Constraints,
    Form,
    Goal,
    Metric,
    Setting,
    Shape,
    Strategy,
)
from lut_opt.passes.search.model.constraints import Monotone, Symmetry
from lut_opt.passes.search.model.tails import TAILS
from lut_opt.passes.search.optimal.exponents import octaves
from lut_opt.passes.search.strategies import option_classes
from lut_opt.passes.support.options import choice, convert, options, parts, show

DEFAULT_ENTRIES = 8

_DEMANDS = ("zero_exact", "monotone", "symmetry", "left_tail", "right_tail", "gap", "max_jump")
"""Options that a table can be held against."""

Weights = Literal["auto", "calibrated", "uniform"]

TailName = Literal["auto", "free", "zero", "identity", "one", "minus-one"]


MAX_FRACTION = 62
"""Fraction bits beyond which an accumulator of 64 bits has none for the sign and the value."""


@dataclass(frozen=True)
class SearchOptions:
    """Fields that become options; each has its meaning below it."""

    strategy: str = choice("auto", lambda: {name: each.doc for name, each in STRATEGIES.items()})
    """Name of the strategy in `STRATEGIES`, whose `doc` says what each does."""
    entries: int | None = None
    """Number of segments of each table, N (default: 8, or as many as there are stored inputs if
    those are fewer, or the fewest that meet a budget)."""
    param_bits: int = 8
    """Width of slopes and intercepts, 2 to 32."""
    unit_bits: int | None = None
    """Width of slopes and intercepts in the tables of softmax and norms (default: param-bits)."""
    intercept_bits: int | None = None
    """Width of the intercepts where it is not that of the slopes."""
    frac_bits: int | None = None
    """Fraction bits: λ of the seed form, the result shift of the direct form (default: the most at
    which the slopes and intercepts of the best real-valued table fit)."""
    exponent_bits: int = 0
    """Optimal: each entry's slope and intercept are integers of param-bits (and intercept-bits)
    times 2^e, e of so many bits, 0 to 3; frac-bits is that of e = 0, and the table's own widths
    are larger by the largest e."""
    form: Form = "auto"
    """`seed`: slopes and intercepts in the function's own units, power-of-two scales; `direct`:
    from stored input to stored result, any scales; `auto`: the one that errs less."""
    metric: Metric = "mse"
    """What is minimized on the accumulator: the mean squared or the largest error."""
    domain_min: float | int | None = None
    """Least real input that counts; by default that of `pwl.range`, or of the storage range."""
    domain_max: float | int | None = None
    """Largest real input that counts."""
    weights: Weights = "auto"
    """`calibrated`: each input counts as often as the op's `pwl.histogram`, or else its
    `pwl.quantiles`, say that it was seen; `uniform`: all alike, which layers of equal types can
    share; `auto`: calibrated where the op says how often."""
    seed: int = 0
    """Seed of the genetic and neural searches."""
    mse: float | int | None = None
    """Budget: the fewest entries whose mean squared error is at most this, in real units."""
    max_error: float | int | None = None
    """Budget: the fewest entries whose largest error is at most this, in output steps."""
    budget_bits: tuple[int, ...] = ()
    """Budget: widths of slopes and intercepts to choose from (default: param-bits alone)."""
    zero_exact: bool = False
    """Optimal: the accumulator at x = 0 is f(0)."""
    monotone: Monotone = "none"
    """Optimal: no slope and no step at a breakpoint points the other way."""
    symmetry: Symmetry = "none"
    """Optimal: the accumulator of −x is that of x, negated if odd, less x if relu, exactly; half of
    the table tells all, which implementation=folded builds: relu(x) − h(|x|) for `relu` (GELU,
    SiLU, HSWISH, softplus). Results are rounded half up: an odd one that lies just between two
    steps is no mirror image, and a warning says how many are. A function that is not so itself is
    refused."""
    left_tail: TailName = "auto"
    """The first segment is exactly 0, x, 1 or −1. `auto`, for inputs of more than 8 bits: the one
    of these that the function runs into, if any; what it rounds correctly no longer counts, since
    it answers there. Genetic, neural and uniform tables get tails beyond the inputs that count."""
    right_tail: TailName = "auto"
    """The last segment, likewise."""
    gap: float | int = 0.03
    """Optimal, more than 4,096 inputs that count: how far above the proven bound, relative, the
    table may be; 0.03 takes half a second, 0.001 seconds."""
    draft: bool = False
    """Optimal, more than 1,024 inputs that count: take a table within `gap` of its bound even where
    the best is in reach; the certificate names no optimum. For a first look, and for choosing
    between many tables: the one that is chosen is worth a search of its own."""
    max_jump: float | int | None = None
    """Optimal: how far, in real units, neighbouring lines may be apart at their breakpoint."""
    allow_lossy: bool = False
    """Take tables whose results, over the inputs that count, are no better than zeros: an error
    otherwise. Below 20 dB of signal to noise there is a warning."""
    pareto: bool = False
    """Also write `pwl.pareto`: bits of storage against mean squared error, for every number of
    entries up to 64 and the widths of budget-bits; `-t json` shows it."""
    configs: tuple[object, ...] = parts(option_classes)
    """Options of strategies, at most one instance of each class; any may be given, and those of the
    strategy that runs count."""

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            known = ", ".join(STRATEGIES)
            raise ValueError(f"strategy must be one of {known}, not '{self.strategy}'")
        if self.entries is not None and self.entries < 1:
            raise ValueError(f"entries must be at least 1, got {self.entries}")
        for name, bits in (
            ("param-bits", self.param_bits),
            ("unit-bits", self.unit_bits),
            ("intercept-bits", self.intercept_bits),
        ):
            if bits is not None and not 2 <= bits <= 32:
                raise ValueError(f"{name} must be between 2 and 32, got {bits}")
        for name, least in (("frac-bits", self.frac_bits), ("seed", self.seed)):
            if least is not None and least < 0:
                raise ValueError(f"{name} must not be negative, got {least}")
        if self.frac_bits is not None and self.frac_bits > MAX_FRACTION:
            raise ValueError(f"frac-bits must be at most {MAX_FRACTION}, got {self.frac_bits}")
        for name, bound in (("domain-min", self.domain_min), ("domain-max", self.domain_max)):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"{name} must be finite, got {bound}")
        if self.domain_min is not None and self.domain_max is not None:
            if not self.domain_min < self.domain_max:
                raise ValueError("domain-min must be below domain-max")
        if not 0 <= self.gap < 1:
            raise ValueError(f"gap must be at least 0 and below 1, got {self.gap}")
        self._check_combinations()
        self._check_exclusive()
        self._check_exponents()
        # These check their own ranges.
        self.constraints()
        self.budget()

    def _check_combinations(self) -> None:
        budget = self.mse is not None or self.max_error is not None
        if budget and self.entries is not None:
            raise ValueError("a budget (mse=, max-error=) finds the entries: leave entries= out")
        if budget and not self.chosen.takes_constraints:
            raise ValueError(f"strategy={self.strategy} takes no budget: use strategy=optimal")
        if self.budget_bits and not (budget or self.pareto):
            raise ValueError("budget-bits needs a budget (mse= or max-error=), or pareto=true")
        if self.chosen.finds_entries and self.entries is not None:
            raise ValueError(f"strategy={self.strategy} finds the entries: leave entries= out")
        wanted = self.constraints()
        if self.chosen.takes_tails:
            wanted = replace(wanted, left=None, right=None)
        if wanted.any and not self.chosen.takes_constraints:
            raise ValueError(f"strategy={self.strategy} sees to no constraints: use optimal")

    def _check_exclusive(self) -> None:
        for strategy in STRATEGIES.values():
            given = self.given(strategy)
            for name in strategy.exclusive:
                if name in given and strategy is not self.chosen:
                    key = name.replace("_", "-")
                    raise ValueError(f"{key} is for strategy={strategy.name}")

    def _check_exponents(self) -> None:
        most = octaves(self.exponent_bits)
        if not most:
            return
        if not self.chosen.takes_constraints:
            raise ValueError(f"strategy={self.strategy} takes no exponent-bits: use optimal")
        if self.metric != "mse":
            raise ValueError(f"metric={self.metric} takes no exponent-bits: use metric=mse")
        if self.constraints().any or self.budget() is not None or self.pareto:
            raise ValueError("exponent-bits takes no constraints, no budget and no pareto")
        if max(self.param_bits, self.intercept_bits or 0) + most > 32:
            raise ValueError(
                f"exponent-bits={self.exponent_bits} needs param-bits and intercept-bits of at "
                f"most {32 - most}: the table holds them shifted by up to {most}"
            )

    def size(self, operand: Quantization) -> int:
        """Entries of a table for these inputs."""
        return self.entries or min(DEFAULT_ENTRIES, operand.maximum - operand.minimum + 1)

    def shape(self, entries: int, form: Form, param_bits: int | None = None) -> Shape:
        """What a table of that form is made of, of another width than asked for if given."""
        return Shape(
            entries=entries,
            param_bits=param_bits or self.param_bits,
            intercept_bits=self.intercept_bits,
            frac_bits=self.frac_bits,
            form=form,
            octaves=octaves(self.exponent_bits),
        )

    def goal(self, weights: Reals | None = None) -> Goal:
        """What makes the table good."""
        return Goal(
            metric=self.metric,
            weights=weights,
            constraints=self.constraints(),
            gap=float(self.gap),
            draft=self.draft,
        )

    def constraints(self) -> Constraints:
        """What every table must satisfy."""
        return Constraints(
            zero_exact=self.zero_exact,
            monotone=self.monotone,
            symmetry=self.symmetry,
            left=TAILS.get(self.left_tail),
            right=TAILS.get(self.right_tail),
            max_jump=None if self.max_jump is None else float(self.max_jump),
        )

    def budget(self) -> Budget | None:
        """How good a table must be, None if its size is given instead."""
        if self.mse is None and self.max_error is None:
            return None
        return Budget(
            mse=None if self.mse is None else float(self.mse),
            max_error=None if self.max_error is None else float(self.max_error),
            param_bits=self.budget_bits or (self.param_bits,),
        )

    @property
    def chosen(self) -> Strategy[Any]:
        """The strategy asked for."""
        return STRATEGIES[self.strategy]

    @property
    def is_own_kind(self) -> bool:
        """Whether the strategy is asked for a table of its own kind."""
        return not self.given(self.chosen).keys().isdisjoint(self.chosen.exclusive)

    def config(self, setting: Setting) -> object | None:
        """What the strategy takes for one table."""
        kind = self.chosen.options
        if kind is None:
            return None
        own = next((config for config in self.configs if type(config) is kind), None)
        return self.chosen.configure(kind() if own is None else own, setting)

    @property
    def shared_configs(self) -> tuple[object, ...]:
        """The options of strategies, without those for tables of their own kind."""
        own = {name for strategy in STRATEGIES.values() for name in strategy.exclusive}
        return tuple(
            type(config)(**{k: v for k, v in _given(config).items() if k not in own})
            for config in self.configs
        )

    def given(self, strategy: Strategy[Any]) -> dict[str, Any]:
        """The options of a strategy that are not its defaults."""
        own = (config for config in self.configs if type(config) is strategy.options)
        return _given(next(own, None))

    def request(self) -> DictionaryAttr:
        """The options that are not the defaults, for the certificate."""
        own: dict[str, Any] = {}
        for config in self.configs:
            own |= _given(config)
        names = {each.name for each in fields(SearchOptions)} - {"configs"}
        return request_of({k: v for k, v in _given(self).items() if k in names}, own)


def demands(request: DictionaryAttr) -> SearchOptions:
    """
    The options of a certificate's request that say what its table must be.

    How the table was looked for does not count. Raises `ValueError` for a name that is no option:
    what it asked for cannot be checked.
    """
    known, read = options(SearchOptions), request_values(request)
    wanted: dict[str, Any] = {}
    for name, value in read.items():
        option = known.get(name.replace("_", "-"))
        if option is None:
            raise ValueError(
                f"the certificate was asked for '{name}', which is no option of pwl-search (any "
                "more), so that it cannot be checked: search the table again"
            )
        if name in _DEMANDS:
            wanted[name] = convert(name.replace("_", "-"), show(value), option.hint)
    return SearchOptions(**wanted)


def _given(config: Any) -> dict[str, Any]:
    """The fields of a dataclass, or of None, that are not the defaults."""
    every = () if config is None else fields(config)
    pairs = ((each, getattr(config, each.name)) for each in every)
    return {each.name: value for each, value in pairs if value != each.default}
