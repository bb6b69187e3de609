"""A fixed unit in the circuit that is asked for, or in the cheapest of all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from xdsl.dialects import hw
from xdsl.dialects.builtin import DictionaryAttr, FloatAttr, StringAttr, f64

from lut_opt.dialects.pwl import Fit, Table
from lut_opt.dialects.pwl.certificate import DomainError, RealFunction, certify, samples
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.passes.hw.cost.model import COST_FUNCTIONS, Figures, Objective
from lut_opt.passes.hw.datapath.fixed import DIRECT, Style
from lut_opt.passes.hw.datapath.lookup import MAX_LOOKUP_BITS
from lut_opt.passes.hw.table_unit.circuits import AUTO, CIRCUITS, styles
from lut_opt.passes.hw.table_unit.unit import build_unit

EXACT = "exact"
"""Among the alternatives: the correctly rounded function, directly, which is another table."""

EXACT_WORDS = "direct truth table of the correctly rounded function"


@dataclass(frozen=True)
class Request:
    """What is asked of a fixed unit; `compare` is the style that the name compare stands for."""

    implementation: str = "compare"
    objective: Objective = "area"
    cost: str = "model"
    liberty: tuple[str, ...] = ()
    allow_exact: bool = False
    compare: Style = field(default_factory=Style)
    enable: bool = False
    """Whether registers have an enable, by which a stream holds them."""
    rom_bits: int = 0
    """Size from which on a direct table is in a block RAM; `auto` weighs logic. 0: never."""


def build_fixed(unit: TableUnit, request: Request, exact: TableUnit | None) -> hw.HWModuleOp:
    """
    The module of a unit, with what it is and what others would have cost in its attributes.

    `exact` is the unit of the correctly rounded function in place of the table, where there is one;
    it is taken only if the request allows it, and remarked upon otherwise. Raises `ValueError`,
    with what to do, where a table cannot be built as asked, or a cost function is unknown.
    """
    if request.implementation == AUTO:
        return _cheapest(unit, request, exact)
    asked = request.implementation
    style = request.compare if asked == "compare" else CIRCUITS[asked].style()
    if (reason := style.obstacle(unit.table, unit.operand)) is not None:
        raise ValueError(f"implementation={asked} is impossible here: {reason}")
    module = build_unit(unit, replace(style, rom_bits=request.rom_bits))
    if asked != "compare":
        _describe(module, asked, ())
    return module


def _cheapest(unit: TableUnit, request: Request, exact: TableUnit | None) -> hw.HWModuleOp:
    """The least of the objective; ties go to the implementation named first."""
    if request.cost not in COST_FUNCTIONS:
        known = ", ".join(sorted(COST_FUNCTIONS))
        raise ValueError(f"cost={request.cost} is not known here, only {known}")
    modules = {
        name: build_unit(unit, style)
        for name, style in styles().items()
        if style.obstacle(unit.table, unit.operand) is None
    }
    if exact is not None:
        modules[EXACT] = build_unit(exact, Style(form=DIRECT))
    cost = COST_FUNCTIONS[request.cost]
    figures = {name: cost(module, request.liberty) for name, module in modules.items()}

    def value(name: str) -> float:
        return figures[name].of(request.objective)

    allowed = [name for name in modules if name != EXACT or request.allow_exact]
    taken = min(allowed, key=value)
    notes = [_sentence(name, figures[name]) for name in sorted(figures, key=value)]
    module = modules[taken]
    if exact is not None and not request.allow_exact and value(EXACT) < value(taken):
        remark = (
            f"the correctly rounded {unit.function} as a direct truth table would cost less "
            f"({_number(value(EXACT))}, not {_number(value(taken))}) and err less: a piecewise-"
            "linear table is the wrong answer here; use allow-exact=true"
        )
        module.attributes["pwl.remark"] = StringAttr(remark)
        notes.append(f"remark: {remark}")
    first = figures[taken]
    _describe(module, taken, (f"{request.objective} by {first.source}:", *notes))
    module.attributes["pwl.alternatives"] = DictionaryAttr(
        {name: _figures_attribute(figure) for name, figure in figures.items()}
    )
    return module


def _describe(module: hw.HWModuleOp, taken: str, notes: tuple[str, ...]) -> None:
    """Say in attributes and comment how a module is built."""
    module.attributes["pwl.implementation"] = StringAttr(taken)
    comment = module.attributes["comment"]
    assert isinstance(comment, StringAttr)
    words = EXACT_WORDS if taken == EXACT else CIRCUITS[taken].words
    lines = [comment.data, f"  built as:  {words}", *(f"    {note}" for note in notes)]
    module.attributes["comment"] = StringAttr("\n".join(lines))


def _sentence(name: str, figures: Figures) -> str:
    return f"{name}: " + ", ".join(f"{key} {_number(v)}" for key, v in figures.known.items())


def _number(value: float) -> str:
    return f"{value:.4g}"


def _figures_attribute(figures: Figures) -> DictionaryAttr:
    return DictionaryAttr({name: FloatAttr(v, f64) for name, v in figures.known.items()})


def exact_unit(unit: TableUnit, function: RealFunction) -> TableUnit | None:
    """
    The unit of the correctly rounded function, ties to even, saturated, as a table of constants.

    None where inputs are too wide for a direct table, or the function is not defined on all.
    """
    operand, result = unit.operand, unit.result
    if operand.bits > MAX_LOOKUP_BITS:
        return None
    try:
        points = samples(function, (), operand, result)
    except DomainError:
        return None
    values = result.quantize(points.y).tolist()
    starts = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    table = Table(
        tuple(int(points.q[i]) for i in starts[1:]),
        (0,) * len(starts),
        tuple(values[i] for i in starts),
        param_bits=max(2, result.bits + (not result.signed)),
    )
    found = certify(table, points, operand, result)
    errors = found.points, found.mse, found.max_error, found.exact
    fit = Fit("exact", "direct", "max", 0, table.entries, *errors)
    return replace(unit, table=table, fit=fit)


__all__ = ["Request", "build_fixed", "exact_unit"]
