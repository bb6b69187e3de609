"""
A module as one HTML page without any outside resource: it works from disk, and prints.

    Path("report.html").write_text(render(page_of(module)))

What only a caller knows (accuracy that was measured, commands) comes in as `Section`s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.utils.hints import isa

from lut_opt.backends.errors import BackendError
from lut_opt.backends.page.curves import Curve, curve_of, lookup_curve
from lut_opt.backends.page.svg import error_chart, function_chart
from lut_opt.backends.page.words import certificate, grade
from lut_opt.backends.remaining import Remaining, remaining_nonlinear
from lut_opt.backends.report.report import block_lines, tables_of
from lut_opt.backends.report.tables import signal_of
from lut_opt.backends.versions import versions
from lut_opt.dialects.assembly import describe_location
from lut_opt.dialects.pwl import ApplyOp, FitAttr, TableAttr, UnitOp
from lut_opt.dialects.pwl.unit_ops import Lookup
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.support.declarations import FUSED


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One table of an operator, drawn."""

    title: str
    words: str
    """Its certificate."""
    function: str = ""
    """SVG of the function and the table; empty before the search."""
    error: str = ""
    """SVG of the error over the histogram."""
    points: str = "[]"
    """JSON for the reader's pointer: [q, x, wanted, answer] of each point."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of the model that became a table or a unit."""

    name: str
    place: str
    """Source line."""
    fused: tuple[str, ...] = ()
    """What was fused into it."""
    types: str
    snr: float | None = None
    """Decibels; None where it is not known."""
    drawings: tuple[Drawing, ...]

    @property
    def grade(self) -> str:
        """How the signal-to-noise ratio is marked."""
        return grade(self.snr)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table that the page shows, or lines of text."""

    title: str
    lead: str = ""
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the template shows, in its order."""

    title: str
    summary: Mapping[str, str]
    """A few figures by what they are of."""
    before: Sequence[Section] = ()
    """Shown before the operators: accuracy."""
    operators: Sequence[Operator] = ()
    after: Sequence[Section] = ()
    """Shown after them: hardware, what was left, commands."""
    made_with: Mapping[str, str] = field(default_factory=versions)


def page_of(module: ModuleOp, title: str = "lut-opt report", liberty: Sequence[str] = ()) -> Page:
    """
    What the module itself can say; hardware units are synthesized for the Liberty files named.

    Raises `BackendError` if hardware cannot be synthesized.
    """
    ops = [op for op in module.walk() if isinstance(op, ApplyOp | UnitOp)]
    operators = [_operator(op) for op in ops]
    tables = [table for op in ops for table in tables_of(op) if table is not None]
    left = [each for each in remaining_nonlinear(module) if each.kind == "function"]
    known = [each.snr for each in operators if each.snr is not None]
    summary = {"left in floating point": str(len(left))}
    if operators:
        summary = {
            "operators that became tables": str(len(operators)),
            "tables": f"{len(tables)} ({len(set(tables))} distinct)",
        } | summary
    if units := units_of(modules_of(module)):
        summary = {"hardware units": str(len(units))} | summary
    if known:
        summary["lowest signal-to-noise ratio"] = f"{min(known):.1f} dB"
    after = [*_blocks(module), *_hardware(module, liberty), _left(left)]
    return Page(title=title, summary=summary, operators=operators, after=after)


def render(page: Page) -> str:
    """The page as HTML text. BackendError if Jinja2 is missing."""
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise BackendError("the HTML report needs Jinja2: pip install 'lut-opt[report]'") from error
    parts = files("lut_opt.backends.page").joinpath("template")
    text = {name: parts.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js")}
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(parts.joinpath("page.html").read_text("utf-8"))
    return template.render(page=page, css=text["page.css"], js=text["page.js"])


def _operator(op: ApplyOp | UnitOp) -> Operator:
    place, types = describe_location(op), _types(op)
    if isinstance(op, UnitOp):
        parts = tuple(_part(each) for each in op.lookups())
        name, snr = op.UNIT.name, signal_of(op)
        return Operator(name=name, place=place, types=types, snr=snr, drawings=parts)
    scale = op.result_quantization.scale
    drawing = _drawing(op.function_name, curve_of(op), op.table, op.fit, scale)
    fused = op.attributes.get(FUSED)
    return Operator(
        name=op.function_name,
        place=place,
        fused=tuple(each.data for each in fused) if isa(fused, ArrayAttr[StringAttr]) else (),
        types=types,
        snr=signal_of(op),
        drawings=(drawing,),
    )


def _part(lookup: Lookup) -> Drawing:
    title = f"{lookup.name}: {lookup.function.name}"
    scale = lookup.result.scale
    return _drawing(title, lookup_curve(lookup), lookup.table, lookup.fit, scale)


def _types(op: ApplyOp | UnitOp) -> str:
    return f"{_storage(op.input_quantization)} → {_storage(op.result_quantization)}"


def _storage(side: Quantization) -> str:
    low, high = side.dequantize(side.ends).tolist()
    bits = f"{'i' if side.signed else 'u'}{side.bits}"
    return f"{bits}, {low:.4g} … {high:.4g} in steps of {side.scale:.3g}"


def _drawing(
    title: str, curve: Curve | None, table: TableAttr | None, fit: FitAttr | None, scale: float
) -> Drawing:
    known = None if fit is None else fit.data
    is_seen = curve is not None and curve.seen is not None
    words = certificate(None if table is None else table.data, known, scale, is_seen=is_seen)
    if curve is None:
        return Drawing(title=title, words=words)
    columns = (curve.q, curve.x, curve.wanted, curve.answer)
    points = [[_number(value) for value in row] for row in zip(*columns, strict=True)]
    return Drawing(
        title=title,
        words=words,
        function=function_chart(curve),
        error=error_chart(curve),
        points=json.dumps(points, separators=(",", ":"), allow_nan=False),
    )


def _number(value: float) -> float | None:
    """Six digits, as many as a reader wants; None for what JSON cannot say."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _blocks(module: ModuleOp) -> list[Section]:
    lines = block_lines(module)[1:]
    return [Section(title="Weightless blocks", text="\n".join(lines))] if lines else []


def _hardware(module: ModuleOp, liberty: Sequence[str]) -> list[Section]:
    modules = modules_of(module)
    if not modules:
        return []
    from lut_opt.backends.report.costs import cost_lines

    rows = [(name, unit.summary(), str(unit.latency)) for name, unit in units_of(modules).items()]
    units = Section(title="Hardware", columns=("module", "what it is", "latency"), rows=rows)
    return [units, Section(title="Gates", text="\n".join(cost_lines(module, liberty)))]


def _left(left: Sequence[Remaining]) -> Section:
    rows = [
        (
            each.name,
            describe_location(each.op),
            "kept by keep=" if each.kept else "no table takes it",
        )
        for each in left
    ]
    lead = "" if rows else "Nothing: every non-linear operator became a table or a unit."
    columns = ("operator", "source", "why") if rows else ()
    return Section(title="Left in floating point", lead=lead, columns=columns, rows=rows)


__all__ = ["Drawing", "Operator", "Page", "Section", "page_of", "render"]
