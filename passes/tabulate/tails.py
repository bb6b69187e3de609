"""What `left-tail=auto` and `right-tail=auto` are for one function."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from lut_opt.dialects.pwl.certificate import RealFunction, samples
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search.model.formulate import Form, Goal, formulate
from lut_opt.passes.search.model.integer_constraints import tail_line
from lut_opt.passes.search.model.tails import Reach, find_tails
from lut_opt.passes.tabulate.options import SearchOptions, TailName

Domain = tuple[float, float] | None

_NARROW = 8
"""Inputs of at most so many bits are few: their tables need no tails to reach all of them."""


def with_tails(
    options: SearchOptions,
    function: RealFunction,
    operand: Quantization,
    result: Quantization,
    domain: Domain,
    form: Form,
) -> tuple[SearchOptions, Domain]:
    """
    The options with the tails by name, and the inputs that are left to count.

    A tail is taken where inputs that count reach it, and where its line is exact in the integers of
    the form.
    """
    if not _applies(options, operand):
        return options, domain
    low, high = domain or tuple(map(float, operand.dequantize(operand.ends)))
    left, right = find_tails(function, operand, result)
    if options.left_tail == "auto" and left is not None and low < left.end:
        chosen = replace(options, left_tail=_name(left)), (left.end, high)
        if _exact(chosen[0], form, function, operand, result, chosen[1]):
            options, domain = chosen
            low = left.end
    if options.right_tail == "auto" and right is not None and right.end < high:
        chosen = replace(options, right_tail=_name(right)), (low, right.end)
        if low < right.end and _exact(chosen[0], form, function, operand, result, chosen[1]):
            options, domain = chosen
    return options, domain


def with_zero_tail(
    options: SearchOptions, function: RealFunction, operand: Quantization, result: Quantization
) -> tuple[SearchOptions, Domain]:
    """
    The options with a first segment of 0, and the inputs that count.

    All of them, but for strategies that take tails only beyond: there the tail begins where the
    function rounds to 0, or else is the least input alone. Exact tails are for mse.
    """
    options = replace(options, left_tail="zero", metric="mse")
    if not options.chosen.takes_tails:
        return options, None
    left, _ = find_tails(function, operand, result)
    second, last = map(float, operand.dequantize(operand.ends + np.array([1, 0])))
    reached = left is not None and left.name == "zero" and left.end > second
    return options, (left.end if left is not None and reached else second, last)


def _applies(options: SearchOptions, operand: Quantization) -> bool:
    wanted = options.constraints()
    return (
        operand.bits > _NARROW
        and "auto" in (options.left_tail, options.right_tail)
        and (options.chosen.takes_tails or options.chosen.takes_constraints)
        and options.metric == "mse"
        and options.budget() is None
        and not (options.exponent_bits or options.is_own_kind)
        and not (wanted.coupled or wanted.zero_exact or wanted.symmetry != "none")
        and options.size(operand) > 2
    )


def _name(tail: Reach) -> TailName:
    return cast(TailName, tail.name)


def _exact(
    options: SearchOptions,
    form: Form,
    function: RealFunction,
    operand: Quantization,
    result: Quantization,
    domain: tuple[float, float],
) -> bool:
    """Whether the tails are lines of integers in the problem that is then solved."""
    points = samples(function, (), operand, result, domain)
    wanted, shape = options.constraints(), options.shape(options.size(operand), form)
    try:
        problem = formulate(points, operand, result, shape, Goal(constraints=wanted))
        for tail in (wanted.left, wanted.right):
            if tail is not None:
                tail_line(problem, tail)
    except ValueError:
        return False
    return True
