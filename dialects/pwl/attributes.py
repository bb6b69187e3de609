"""Attributes of the `pwl` dialect: the function, its table, and the table's certificate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.dialects.builtin import DictionaryAttr, IntegerType, StringAttr, f64
from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from lut_opt.dialects.literals import parse_double
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.request import check_request, earlier_request
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Reals, storage_range

MAX_SHIFT = 62
"""Largest shift of a table: what a 64-bit accumulator can hold."""


@dataclass(frozen=True)
class NamedFunction:
    """A function of the registry with its constant parameters bound."""

    function: str
    parameters: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Name for people and for file names."""
        return self.function

    def __call__(self, x: Reals) -> Reals:
        """Values in double precision; NaN or infinity outside the domain."""
        return FUNCTIONS[self.function](x, *self.parameters)

    def is_defined(self, x: Reals) -> Any:
        """Boolean mask: where the function has a value."""
        return FUNCTIONS[self.function].is_defined(x, *self.parameters)


@irdl_attr_definition
class FnAttr(Data[NamedFunction]):
    """
    A function of the registry: `#pwl.fn<gelu>`, `#pwl.fn<leaky_relu, 1.000000e-02>`.

    Constant parameters follow the name in the registry's order.
    """

    name = "pwl.fn"

    def verify(self) -> None:
        """Check the name and the number and finiteness of the parameters."""
        known = FUNCTIONS.get(self.data.function)
        if known is None:
            names = ", ".join(sorted(FUNCTIONS))
            raise VerifyException(
                f"unknown function '{self.data.function}': use one of {names}, or name a func.func "
                "with `pwl.apply @f`"
            )
        if len(self.data.parameters) != len(known.parameters):
            wanted = ", ".join(known.parameters) or "no parameter"
            raise VerifyException(
                f"function '{known.name}' takes {wanted}, got {len(self.data.parameters)} values"
            )
        if not all(map(math.isfinite, self.data.parameters)):
            raise VerifyException(f"parameters of '{known.name}' must be finite")

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> NamedFunction:
        """Parse `<name, parameter, …>`."""
        with parser.in_angle_brackets():
            name = parser.parse_identifier()
            parameters: list[float] = []
            while parser.parse_optional_punctuation(","):
                parameters.append(parse_double(parser))
        return NamedFunction(name, tuple(parameters))

    def print_parameter(self, printer: Printer) -> None:
        """Print `<name, parameter, …>`."""
        with printer.in_angle_brackets():
            printer.print_string(self.data.function)
            for parameter in self.data.parameters:
                printer.print_string(", ")
                printer.print_float(parameter, f64)


@irdl_attr_definition
class TableAttr(Data[Table]):
    """
    A piecewise-linear function on integers; `lut_opt.dialects.pwl.table` defines what it computes.

        #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0],
                   intercept_shift = 4, result_shift = 6>

    The leading type is the width of slopes and intercepts; `intercept_bits = 16` follows where the
    intercepts have a width of their own. Shifts of zero are left out.
    """

    name = "pwl.table"

    def verify(self) -> None:
        """Check lengths, order, parameter width and shifts."""
        table = self.data
        if table.entries < 1:
            raise VerifyException("a table needs at least one entry: give slopes and intercepts")
        if len(table.intercepts) != table.entries:
            raise VerifyException(
                f"{table.entries} slopes but {len(table.intercepts)} intercepts: give as many"
            )
        if len(table.breakpoints) != table.entries - 1:
            raise VerifyException(
                f"{table.entries} entries need {table.entries - 1} breakpoints, "
                f"got {len(table.breakpoints)}"
            )
        for left, right in zip(table.breakpoints, table.breakpoints[1:], strict=False):
            if left > right:
                raise VerifyException(f"breakpoints must ascend: {left} comes before {right}")
        if not 2 <= table.param_bits <= 32:
            raise VerifyException(f"parameter width i{table.param_bits} is not within i2 … i32")
        if not 2 <= table.intercept_width <= 32:
            raise VerifyException(f"intercept_bits {table.intercept_bits} is not within 2 … 32")
        _verify_parameters("slope", table.slopes, table.param_bits)
        _verify_parameters("intercept", table.intercepts, table.intercept_width)
        for kind, shift in (
            ("intercept_shift", table.intercept_shift),
            ("result_shift", table.result_shift),
        ):
            if not 0 <= shift <= MAX_SHIFT:
                raise VerifyException(f"{kind} {shift} is not within 0 … {MAX_SHIFT}")

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Table:
        """Parse `<iN, breakpoints = […], slopes = […], intercepts = […], …>`."""
        with parser.in_angle_brackets():
            width = parser.parse_type()
            if not isa(width, IntegerType):
                parser.raise_error("expected the integer type of slopes and intercepts, such as i8")
            fields: dict[str, Callable[[], Any]] = {
                "breakpoints": lambda: parse_integers(parser),
                "slopes": lambda: parse_integers(parser),
                "intercepts": lambda: parse_integers(parser),
                "intercept_bits": parser.parse_integer,
                "intercept_shift": parser.parse_integer,
                "result_shift": parser.parse_integer,
            }
            required = ("breakpoints", "slopes", "intercepts")
            values = parse_fields(parser, fields, required)
        return Table(**values, param_bits=width.width.data)

    def print_parameter(self, printer: Printer) -> None:
        """Print every list, the intercepts' own width, and the shifts that are not zero."""
        table = self.data
        with printer.in_angle_brackets():
            printer.print_string(f"i{table.param_bits}")
            for key in ("breakpoints", "slopes", "intercepts"):
                printer.print_string(f", {key} = {list(getattr(table, key))}")
            for key in ("intercept_bits", "intercept_shift", "result_shift"):
                if value := getattr(table, key):
                    printer.print_string(f", {key} = {value}")


@dataclass(frozen=True)
class Fit:
    """
    How a table was found, and how good it is on the inputs that count.

    `entries` is what the search was asked for. `mse` is that of the accumulator against f, which is
    saturated to the result's range, in real units; `max_error` that of the rounded result, in
    output steps; `exact` the share of inputs whose result is the correctly rounded f; `optimal_mse`
    the proven optimum of the same problem, None if unknown.
    """

    strategy: str
    form: str
    metric: str
    seed: int
    entries: int
    points: int
    mse: float
    max_error: float
    exact: float
    optimal_mse: float | None = None
    domain: tuple[float, float] | None = None
    snr: float | None = None
    """Signal-to-noise ratio of the op over the reals that count, in decibels."""
    least_mse: float | None = None
    """No table of the problem has a smaller MSE than this, where the optimum itself is unproven."""
    exponent_bits: int | None = None
    """Each entry is stored as mantissas and an exponent of so many bits; None: as it stands."""
    mantissa_bits: int | None = None
    """Width of the slopes' mantissas; given with `exponent_bits`."""
    request: DictionaryAttr = field(default_factory=lambda: DictionaryAttr({}))
    """The search's options other than the defaults, by name; see `request.py`."""


_FIT_WORDS = ("form", "metric")
_FIT_COUNTS = ("seed", "entries", "points")
_FIT_FORMAT = ("exponent_bits", "mantissa_bits")
_FIT_NUMBERS = ("mse", "max_error", "exact", "optimal_mse", "least_mse")


@irdl_attr_definition
class FitAttr(Data[Fit]):
    """
    The certificate of a table; `verify-pwl` recomputes it.

        #pwl.fit<optimal, form = seed, metric = mse, seed = 0, entries = 8, points = 129,
                 mse = 1.7e-05, max_error = 7.0e-01, exact = 9.6e-01, optimal_mse = 1.7e-05,
                 snr = 4.1e+01, domain = [-4.0, 4.0],
                 request = {entries = 8 : i64, symmetry = "odd"}>

    The request holds typed values. Text, `request = "entries=8 symmetry=odd"`, is what certificates
    held before; it is still read in this release, and printed as a dictionary.
    """

    name = "pwl.fit"

    def verify(self) -> None:
        """Check that the figures can be figures of a certificate."""
        fit = self.data
        for key in _FIT_NUMBERS:
            value = getattr(fit, key)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise VerifyException(f"{key} must be finite and not negative, got {value}")
        if fit.snr is not None and not math.isfinite(fit.snr):
            raise VerifyException(f"snr must be finite, got {fit.snr}")
        if fit.points < 1:
            raise VerifyException("a certificate needs at least one point")
        if fit.exact > 1:
            raise VerifyException(f"exact is a share between 0 and 1, got {fit.exact}")
        if (fit.exponent_bits is None) != (fit.mantissa_bits is None):
            raise VerifyException("exponent_bits and mantissa_bits are one format: give both")
        try:
            check_request(fit.request)
        except ValueError as error:
            raise VerifyException(str(error)) from error

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Fit:
        """Parse `<strategy, key = value, …>`."""
        fields: dict[str, Callable[[], Any]] = {
            **{key: parser.parse_identifier for key in _FIT_WORDS},
            **{key: parser.parse_integer for key in _FIT_COUNTS},
            **{key: lambda: parse_double(parser) for key in (*_FIT_NUMBERS, "snr")},
            "domain": lambda: _parse_interval(parser),
            **{key: parser.parse_integer for key in _FIT_FORMAT},
            "request": lambda: _parse_request(parser),
        }
        optional = ("optimal_mse", "least_mse", "snr", "domain", "request", *_FIT_FORMAT)
        required = tuple(key for key in fields if key not in optional)
        with parser.in_angle_brackets():
            strategy = parser.parse_identifier()
            values = parse_fields(parser, fields, required)
        return Fit(strategy, **{**values, **values.get("request", {})})

    def print_parameter(self, printer: Printer) -> None:
        """Print every known figure, losslessly."""
        fit = self.data
        with printer.in_angle_brackets():
            printer.print_string(fit.strategy)
            for key in (*_FIT_WORDS, *_FIT_COUNTS):
                printer.print_string(f", {key} = {getattr(fit, key)}")
            for key in (*_FIT_NUMBERS, "snr"):
                if (value := getattr(fit, key)) is not None:
                    printer.print_string(f", {key} = ")
                    printer.print_float(value, f64)
            if fit.domain is not None:
                printer.print_string(", domain = [")
                printer.print_list(fit.domain, lambda bound: printer.print_float(bound, f64))
                printer.print_string("]")
            for key in _FIT_FORMAT:
                if (bits := getattr(fit, key)) is not None:
                    printer.print_string(f", {key} = {bits}")
            if fit.request.data:
                printer.print_string(", request = ")
                printer.print_attribute(fit.request)


def _verify_parameters(kind: str, values: Sequence[int], bits: int) -> None:
    low, high = storage_range(bits, signed=True)
    for value in values:
        if not low <= value <= high:
            raise VerifyException(f"{kind} {value} does not fit in i{bits}: [{low}, {high}]")


def parse_integers(parser: AttrParser) -> tuple[int, ...]:
    """Parse `[1, 2, …]`."""
    return tuple(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer))


def _parse_interval(parser: AttrParser) -> tuple[float, float]:
    bounds: Sequence[float] = parser.parse_comma_separated_list(
        parser.Delimiter.SQUARE, lambda: parse_double(parser)
    )
    if len(bounds) != 2:
        parser.raise_error("expected an interval of two numbers: [low, high]")
    return bounds[0], bounds[1]


def _parse_request(parser: AttrParser) -> dict[str, Any]:
    """Parse `{name = value, …}`, or the text of earlier certificates."""
    start = parser.pos
    attribute = parser.parse_attribute()
    if isinstance(attribute, DictionaryAttr):
        return {"request": attribute}
    if not isinstance(attribute, StringAttr):
        parser.raise_error("expected a request: {name = value, …}", start)
    try:
        return earlier_request(attribute.data)
    except ValueError as error:
        parser.raise_error(str(error), start)


def parse_fields(
    parser: AttrParser,
    fields: dict[str, Callable[[], Any]],
    required: Sequence[str],
    *,
    first: bool = False,
) -> dict[str, Any]:
    """
    Parse `, key = value` repeatedly; each key at most once, the required ones exactly once.

    With `first` nothing comes before, and there is no comma in front of the first key.
    """
    values: dict[str, Any] = {}
    while first or parser.parse_optional_punctuation(","):
        first = False
        key = parser.parse_identifier()
        if key not in fields:
            parser.raise_error(f"unknown key '{key}': use {', '.join(fields)}")
        if key in values:
            parser.raise_error(f"key '{key}' is given twice")
        parser.parse_punctuation("=")
        values[key] = fields[key]()
    if missing := [key for key in required if key not in values]:
        parser.raise_error(f"missing {', '.join(missing)}")
    return values
