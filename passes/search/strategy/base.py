"""What a strategy is: a way to solve a problem, with options of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast

from lut_opt.passes.search.heuristic.objective import Curve
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult

ConfigT = TypeVar("ConfigT")


@dataclass(frozen=True)
class Setting:
    """The table that is looked for, as far as a strategy's options may refer to it."""

    function: str = ""
    """Name of the function; empty for a table inside a unit."""
    entries: int = 8
    """Segments that are asked for."""
    start: tuple[float, ...] | None = None
    """Real breakpoints, ascending, of the table that is there already; None without one."""


class Strategy(ABC, Generic[ConfigT]):
    """
    A way to solve a problem; `strategies.register` makes it known by its name.

        @dataclass(frozen=True)
        class GuessConfig:
            guesses: int = 100
            \"\"\"Guess: tables to try.\"\"\"

        class Guess(Strategy[GuessConfig]):
            name, doc, Config = "guess", "tries tables at random", GuessConfig

            def run(self, problem, curve, seed, config): ...

        register(Guess())                           # --pwl-search="strategy=guess guesses=7"
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    """What it does, as a sentence that begins with the name."""
    Config: ClassVar[type[Any] | None] = None
    """What `run` takes: a frozen dataclass that raises `ValueError` where a field is out of range;
    None: nothing."""
    Options: ClassVar[type[Any] | None] = None
    """What `pwl-search` offers, where that is not `Config` itself: a frozen dataclass too. Each
    field becomes an option, and the docstring under it its help."""
    exclusive: ClassVar[tuple[str, ...]] = ()
    """Fields of the options that ask for a table of the strategy's own kind: no other strategy may
    be given them, and no tails are added to such a table."""
    takes_tails: ClassVar[bool] = False
    """Whether `search` may add exact tails beyond the inputs that count."""
    takes_constraints: ClassVar[bool] = False
    """Whether `run` sees to the problem's constraints; budgets and entries with exponents, whose
    tables are proven optima, are for these strategies too."""
    finds_entries: ClassVar[bool] = False
    """Whether the number of entries is part of the answer; `problem.entries` then does not
    count."""
    seeded: ClassVar[bool] = True
    """Whether the table depends on the seed."""
    saturated: ClassVar[bool] = True
    """Whether `curve` is clipped to what results can represent, as the problem's targets are."""

    @abstractmethod
    def run(self, problem: Problem, curve: Curve, seed: int, config: ConfigT) -> SearchResult:
        """
        Solve `problem`; the same arguments give the same table.

        `curve` is the function in real units for strategies that look between the points.
        """

    def configure(self, options: Any, setting: Setting) -> Any:
        """The configuration that `options`, an instance of `Options` or `Config`, mean here."""
        return options

    def accept(self, config: object | None) -> ConfigT:
        """`config`, None being the default; raises `TypeError` for that of another strategy."""
        if config is None:
            return self.default()
        if self.Config is None:
            raise TypeError(f"strategy={self.name} has no options")
        if not isinstance(config, self.Config):
            wanted, got = self.Config.__name__, type(config).__name__
            raise TypeError(f"strategy={self.name} takes a {wanted}, not {got}")
        return cast(ConfigT, config)

    def default(self) -> ConfigT:
        """The configuration where none is given."""
        return cast(ConfigT, None if self.Config is None else self.Config())

    @property
    def options(self) -> type[Any] | None:
        """The dataclass whose fields are the strategy's options; None: it has none."""
        return self.Options or self.Config
