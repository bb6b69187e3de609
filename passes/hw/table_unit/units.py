"""Fixed units for the tables of a module: one for each distinct table and pair of types."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import hw

from lut_opt.dialects.pwl import ApplyOp, FnAttr
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.passes.hw.table_unit.implementations import Request, build_fixed, exact_unit
from lut_opt.passes.hw.table_unit.unit import build_unit, unit_name
from lut_opt.passes.support.declarations import HISTOGRAM
from lut_opt.passes.support.diagnostics import about


def build_fixed_units(
    applies: Sequence[ApplyOp], request: Request, latency: int, unique: Callable[[str], str]
) -> list[tuple[hw.HWModuleOp, ApplyOp]]:
    """
    The modules for the tables of operations that all have one, each with its first operation.

    `unique` makes a name one that no other module has.
    """
    made: dict[tuple[object, ...], tuple[hw.HWModuleOp, ApplyOp]] = {}
    for apply in applies:
        assert apply.table is not None
        sides = apply.table.data, apply.input_quantization, apply.result_quantization
        reduction = None if apply.reduce is None else apply.reduce.data
        # Equal tables of two functions are one unit, unless it may leave the table for its own.
        key = (
            *sides,
            reduction,
            apply.function_name if reduction else None,
            apply.function if request.allow_exact else None,
        )
        if key in made:
            continue
        name = unique(unit_name(apply.function_name, *sides[1:]))
        fit = apply.fit.data if apply.fit is not None else None
        enable = request.enable and latency > 0
        said = _describe(apply)
        unit = TableUnit(name, said, *sides, fit, reduction, latency=latency, enable=enable)
        module = _build(unit, apply, request)
        module.location = apply.location
        made[key] = module, apply
    return list(made.values())


def _build(unit: TableUnit, apply: ApplyOp, request: Request) -> hw.HWModuleOp:
    """One unit in the implementation that is asked for, or in the cheapest."""
    if unit.reduced is not None:
        return build_unit(unit, request.compare)
    auto = request.implementation == "auto"
    exact = exact_unit(unit, real_function(apply)) if auto else None
    with about(apply):
        module = build_fixed(unit, request, exact)
    if (histogram := apply.attributes.get(HISTOGRAM)) is not None:
        module.attributes[HISTOGRAM] = histogram
    return module


def _describe(apply: ApplyOp) -> str:
    """The function with its parameters, as `leaky_relu(0.01)`."""
    parameters: tuple[float, ...] = ()
    if isinstance(apply.function, FnAttr):
        parameters = apply.function.data.parameters
    suffix = f"({', '.join(map(repr, parameters))})" if parameters else ""
    return apply.function_name + suffix
