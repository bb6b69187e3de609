"""Exact tails: what they are, that they answer correctly, and that other strategies take them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lut_opt.dialects.pwl import NamedFunction
from lut_opt.dialects.pwl.certificate import certify, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import Constraints, search
from lut_opt.passes.search.model.formulate import Goal, Shape, formulate
from lut_opt.passes.search.model.integer_constraints import violations
from lut_opt.passes.search.model.tails import TAILS, find_tails
from lut_opt.passes.tabulate.options import SearchOptions
from lut_opt.passes.tabulate.tails import with_tails

WIDE = Quantization(16, True, 2.0**-11)
RESULT = Quantization(16, True, 2.0**-11)

GELU_LIKE = ("gelu", "gelu_tanh", "silu", "hardswish", "mish")
EXPECTED: dict[str, tuple[str | None, str | None]] = {
    **dict.fromkeys(GELU_LIKE, ("zero", "identity")),
    "sigmoid": ("zero", "one"),
    "hardsigmoid": ("zero", "one"),
    "tanh": ("minus-one", "one"),
    "erf": ("minus-one", "one"),
    "exp": ("zero", None),
    "expm1": ("minus-one", None),
    "selu": (None, None),
    "softsign": (None, None),
    "sin": (None, None),
    "square": (None, None),
    "atan": (None, None),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_lines_that_functions_run_into(name: str) -> None:
    left, right = find_tails(FUNCTIONS[name], WIDE, RESULT)
    assert (left and left.name, right and right.name) == EXPECTED[name]


def test_parameters_decide() -> None:
    softplus = NamedFunction("softplus", (1.0, 20.0))
    left, right = find_tails(softplus, WIDE, RESULT)
    assert left is not None
    assert right is not None
    assert (left.name, right.name) == ("zero", "identity")
    scaled = NamedFunction("elu", (1.0, 2.0, 1.0))
    assert find_tails(scaled, WIDE, RESULT) == (None, None)


def test_touching_a_line_once_is_no_tail() -> None:
    """sqrt(x) is 1 and x at 1, and that is all."""
    operand = Quantization(16, False, 2.0**-16)
    assert find_tails(FUNCTIONS["sqrt"], operand, Quantization(16, True, 2.0**-15)) == (None, None)


@pytest.mark.parametrize("name", [n for n, tails in EXPECTED.items() if tails != (None, None)])
def test_what_does_not_count_is_rounded_correctly(name: str) -> None:
    """Beyond the counted inputs every result is the correctly rounded function."""
    function = FUNCTIONS[name]
    options, domain = with_tails(SearchOptions(param_bits=10), function, WIDE, RESULT, None, "seed")
    assert domain is not None
    points = samples(function, (), WIDE, RESULT, domain)
    problem = formulate(
        points,
        WIDE,
        RESULT,
        Shape(entries=8, param_bits=10),
        Goal(constraints=options.constraints(), gap=0.03),
    )
    found = search(problem, strategy="optimal")
    assert violations(problem, found.table) == []
    assert found.lower_bound is not None
    assert 0.97 * found.loss <= found.lower_bound <= found.loss * (1 + 1e-9)
    everywhere = samples(function, (), WIDE, RESULT)
    outside = np.setdiff1d(everywhere.q, points.q)
    assert len(outside)
    wanted = RESULT.quantize(RESULT.clip(function(WIDE.dequantize(outside))))
    assert np.abs(found.table.evaluate(outside, RESULT) - wanted).max() <= 1  # ties
    assert certify(found.table, everywhere, WIDE, RESULT).mse <= found.loss + RESULT.scale**2 / 4


@pytest.mark.parametrize("strategy", ["genetic", "neural", "uniform"])
def test_other_strategies_take_tails_beyond_what_counts(strategy: str) -> None:
    points = samples(FUNCTIONS["gelu"], (), WIDE, RESULT, (-3.5, 3.5))
    wanted = Constraints(left=TAILS["zero"], right=TAILS["identity"])
    problem = formulate(points, WIDE, RESULT, Shape(entries=8), Goal(constraints=wanted))
    found = search(problem, strategy=strategy)
    assert found.table.entries == 8
    assert violations(problem, found.table) == []
    assert problem.loss(found.table) == found.loss >= search(problem, strategy="optimal").loss
    everything = replace(problem, constraints=replace(wanted, monotone="increasing"))
    with pytest.raises(ValueError, match="sees to no constraints"):
        search(everything, strategy=strategy)


def test_uniform_segments_have_equal_widths_and_the_best_lines() -> None:
    operand = Quantization(8, True, 2.0**-5)
    points = samples(FUNCTIONS["gelu"], (), operand, operand)
    problem = formulate(points, operand, operand, Shape(entries=8))
    found = search(problem, strategy="uniform")
    assert found.table.breakpoints == (-96, -64, -32, 0, 32, 64, 96)
    best = search(problem, strategy="optimal")
    assert not found.proven
    assert found.loss > best.loss
    for step in (-1, 1):  # no neighbouring line is better
        for entry in range(8):
            slopes = list(found.table.slopes)
            slopes[entry] += step
            assert problem.loss(replace(found.table, slopes=tuple(slopes))) >= found.loss


def test_narrow_inputs_keep_free_ends() -> None:
    narrow = Quantization(8, True, 2.0**-3)
    options = SearchOptions()
    assert with_tails(options, FUNCTIONS["gelu"], narrow, RESULT, None, "seed") == (options, None)


def test_a_tail_that_no_counted_input_reaches_is_left_free() -> None:
    options, domain = with_tails(
        SearchOptions(), FUNCTIONS["gelu"], WIDE, RESULT, (-2.0, 10.0), "seed"
    )
    assert (options.left_tail, options.right_tail) == ("auto", "identity")
    assert domain is not None
    assert domain[0] == -2.0
    assert 3.0 < domain[1] < 4.0
