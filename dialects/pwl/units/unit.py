"""What every unit has: name, tables, parameters, constants, meaning and error bound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Self, get_type_hints

import numpy as np

from lut_opt.dialects.pwl.functions import FUNCTIONS, Function
from lut_opt.dialects.pwl.range_reduction import Reduction
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals, exact_log2

MAX_ROW = 8192
"""Longest row: the widths of the units are proven for it."""

MAX_STORED_BITS = 16
"""Widest result of a unit that takes whole rows, and widest input where it says no other."""

TABLE_FRACTION = 16
"""Fraction bits of reciprocals and reciprocal square roots."""

INVERSE_RESULT = Quantization(17, False, 2.0**-TABLE_FRACTION, 0, 0, 1 << TABLE_FRACTION)
"""Reciprocals and reciprocal square roots of what is at least 1."""

BLANK = Table((), (0,), (0,))
"""Stands for a table where only what surrounds it matters."""

Constant = int | float | Reduction


@dataclass(frozen=True)
class Part:
    """One table of a unit: what it approximates, and between which integers."""

    function: Function
    operand: Quantization
    result: Quantization
    reduction: Reduction | None = None
    """What brings wide operands here: relative errors count then, every octave alike."""
    ends_in_zero: bool = False
    """Whether the least operand must give exactly 0."""


@dataclass(frozen=True)
class Unit(ABC):
    """
    The integer semantics of one unit. A subclass is made of tables, of how parameters such as
    gamma are stored (None: there is none), and of constants: its fields, by their types.

        UNITS[name].build(operand, result, tables, parameters, constants)
    """

    name: ClassVar[str]
    variable_length: ClassVar[bool] = False
    """Whether a row may end before the longest that a streaming unit is built for."""

    operand: Quantization
    result: Quantization

    @classmethod
    def build(
        cls,
        operand: Quantization,
        result: Quantization,
        tables: Mapping[str, Table],
        parameters: Mapping[str, Quantization],
        constants: Mapping[str, Constant],
    ) -> Self:
        """A unit from its data. `ValueError` where a name is missing, or is none of this unit."""
        optional = [name for name in cls.parameter_names() if name not in cls._of(Quantization)]
        for kind, given, known in (
            ("table", tables, cls.table_names()),
            ("parameter", parameters, cls.parameter_names()),
            ("constant", constants, cls.constant_names()),
        ):
            if unknown := [name for name in given if name not in known]:
                raise ValueError(f"{cls.name} has no {kind} {unknown[0]}")
            if missing := [name for name in known if name not in (*given, *optional)]:
                raise ValueError(f"{cls.name} needs its {kind} {missing[0]}")
        named: dict[str, Any] = {**tables, **parameters, **constants}
        return cls(operand, result, **named)

    @classmethod
    def table_names(cls) -> tuple[str, ...]:
        """Names of the tables, in order."""
        return cls._of(Table)

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Names of the parameters, in order, also of those that may be missing."""
        return cls._of(Quantization, Quantization | None)[2:]

    @classmethod
    def constant_names(cls) -> tuple[str, ...]:
        """Names of the constants, in order."""
        return cls._of(int, float, Reduction)

    @classmethod
    @cache
    def _of(cls, *types: object) -> tuple[str, ...]:
        hints = get_type_hints(cls)
        return tuple(each.name for each in fields(cls) if hints[each.name] in types)

    @property
    def tables(self) -> dict[str, Table]:
        """The tables by name."""
        return {name: getattr(self, name) for name in self.table_names()}

    @property
    def parameters(self) -> dict[str, Quantization]:
        """How the parameters are stored, as far as there are any."""
        found = {name: getattr(self, name) for name in self.parameter_names()}
        return {name: kind for name, kind in found.items() if kind is not None}

    @property
    def constants(self) -> dict[str, Constant]:
        """The numbers that belong to the meaning, by name."""
        return {name: getattr(self, name) for name in self.constant_names()}

    @property
    @abstractmethod
    def parts(self) -> dict[str, Part]:
        """What each table is to approximate, whatever the tables are now."""

    @abstractmethod
    def check(self) -> None:
        """Raise `ValueError` for types and constants that the arithmetic is not made for."""

    def check_table(self, name: str) -> None:
        """Raise `ValueError` for a table that the arithmetic is not made for."""

    @abstractmethod
    def evaluate(self, q: Integers, *parameters: Integers, axes: Sequence[int] = (-1,)) -> Integers:
        """
        Stored results of stored inputs and of the stored parameters, in the order of `parameters`.

        A row spans `axes`, which ascend; element-wise units have no rows.
        """

    @abstractmethod
    def real(self, x: Reals, *parameters: Reals) -> Reals:
        """
        What the unit approximates, in double precision: of reals x, and of the reals that the
        parameters stand for, in the order of `parameters`. A row lies along the last axis.
        """

    @abstractmethod
    def error_bound(self, length: int) -> float:
        """The largest error of any result in a row of `length` elements, in output steps."""

    def look_up(self, name: str, q: Integers) -> Integers:
        """What a table has for its stored inputs."""
        table: Table = getattr(self, name)
        return table.evaluate(q, self.parts[name].result)


class Rowwise(Unit, ABC):
    """A unit whose results depend on a whole row; the result's scale is a power of two."""

    max_operand_bits: ClassVar[int] = MAX_STORED_BITS

    def evaluate(self, q: Integers, *parameters: Integers, axes: Sequence[int] = (-1,)) -> Integers:
        q = np.asarray(q, np.int64)
        if not q.size:
            return q.copy()
        last = range(-len(axes), 0)
        moved = np.moveaxis(q, axes, last)
        rows = moved.reshape(*moved.shape[: q.ndim - len(axes)], -1)
        if rows.shape[-1] > MAX_ROW:
            raise ValueError(
                f"rows of {rows.shape[-1]} elements are longer than {MAX_ROW}: split them"
            )
        named = zip(self.parameters, parameters, strict=True)
        y = self.rows(rows, {name: np.asarray(v, np.int64).reshape(-1) for name, v in named})
        return np.moveaxis(y.reshape(moved.shape), last, axes)

    @abstractmethod
    def rows(self, q: Integers, parameters: Mapping[str, Integers]) -> Integers:
        """Stored results of rows along the last axis; a parameter has one row."""

    def check(self) -> None:
        if self.operand.bits > self.max_operand_bits:
            raise ValueError(f"pwl.{self.name} takes at most {self.max_operand_bits} bits")
        if self.result.bits > MAX_STORED_BITS:
            raise ValueError(f"pwl.{self.name} gives at most {MAX_STORED_BITS} bits")
        self.check_scale("result", self.result)

    def check_scale(self, kind: str, quantization: Quantization) -> None:
        """Raise `ValueError` for a scale that is no power of two."""
        if exact_log2(quantization.scale) is None:
            raise ValueError(
                f"the {kind} scale of pwl.{self.name} must be a power of two, got "
                f"{quantization.scale}"
            )


def part(function: str, operand: Quantization, result: Quantization) -> Part:
    """A table of a named function."""
    return Part(FUNCTIONS[function], operand, result)


def fraction_of(quantization: Quantization) -> int:
    """Fraction bits of what has a power of two for its scale."""
    exponent = exact_log2(quantization.scale)
    if exponent is None:
        raise ValueError(f"the scale must be a power of two, got {quantization.scale}")
    return -exponent


def relative_error(t: Integers, inverse: Reals, bits: int, power: float) -> float:
    """Largest |inverse · u^power − 1| over the reals u ≥ 1 that round to a stored t."""
    edges = np.stack([t - 0.5, t + 0.5]) * 2.0**-bits
    return float(np.max(np.abs(inverse * np.maximum(edges, 1.0) ** power - 1)))
