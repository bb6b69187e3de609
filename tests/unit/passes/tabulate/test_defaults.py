"""What `pwl-search` takes where nobody says: the form, the weights, the entries."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.utils.exceptions import PassFailedException

from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp, Fit, Table
from lut_opt.dialects.pwl.certificate import Samples, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS as FUNCTION_REGISTRY
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.search import Form, Metric
from lut_opt.passes.tabulate.weights import weights_of
from lut_opt.passes.verify_pwl import VerifyPwlPass

FUNCTIONS = ("gelu", "silu", "sigmoid", "tanh", "exp", "hardswish")


def searched(
    search: PwlSearchPass,
    function: str = "gelu",
    operand: str = "i8:f32, 3.125e-02",
    result: str = "i8:f32, 3.125e-02",
    attributes: str = "",
) -> ApplyOp:
    """One op of a module, with its table, verified."""
    text = (
        f"func.func @f(%x: !quant.uniform<{operand}>) -> !quant.uniform<{result}> {{\n"
        f"  %y = pwl.apply #pwl.fn<{function}> %x {attributes} :"
        f" !quant.uniform<{operand}> -> !quant.uniform<{result}>\n"
        f"  func.return %y : !quant.uniform<{result}>\n}}"
    )
    module = parse(text, "test.mlir", context()).module
    search.apply(context(), module)
    VerifyPwlPass().apply(context(), module)
    (op,) = (op for op in module.walk() if isinstance(op, ApplyOp))
    return op


def fit_of(op: ApplyOp) -> Fit:
    assert op.fit is not None
    return op.fit.data


def table_of(op: ApplyOp) -> Table:
    assert op.table is not None
    return op.table.data


@pytest.mark.parametrize("metric", ["mse", "max"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_auto_takes_the_better_form(function: str, metric: Metric) -> None:
    forms: tuple[Form, ...] = ("seed", "direct", "auto")
    seed, direct, auto = (
        _loss(searched(PwlSearchPass(form=form, metric=metric), function), metric) for form in forms
    )
    assert auto == pytest.approx(min(seed, direct), rel=1e-9)


def _loss(op: ApplyOp, metric: Metric) -> float:
    """Of the accumulator, which `max_error` of the certificate is not."""
    if metric == "mse":
        return fit_of(op).mse
    operand, result = op.table_sides
    points = samples(FUNCTION_REGISTRY[op.function_name], (), operand, result, None)
    unit = result.scale * 2.0 ** -table_of(op).result_shift
    return float(np.abs(table_of(op).accumulate(points.q) * unit - points.y).max())


def test_auto_is_direct_where_the_seed_form_cannot_be() -> None:
    assert fit_of(searched(PwlSearchPass(), operand="u8:f32, 0.05:100")).form == "direct"
    # four fraction bits are too few for the seed form, not for the other
    shifted = searched(PwlSearchPass(), operand="i8:f32, 4.0", result="i8:f32, 4.0")
    assert fit_of(shifted).form == "direct"


def test_a_budget_is_met_by_the_form_that_needs_fewer_entries() -> None:
    forms: tuple[Form, ...] = ("seed", "direct", "auto")
    seed, direct, auto = (
        table_of(searched(PwlSearchPass(form=form, max_error=0.75))).entries for form in forms
    )
    assert auto == min(seed, direct)


def test_entries_are_at_most_the_stored_inputs() -> None:
    assert table_of(searched(PwlSearchPass(), operand="i2:f32, 1.0")).entries == 4
    assert table_of(searched(PwlSearchPass(), operand="i8<-1:1>:f32, 1.0")).entries == 3


QUANTILES = (
    "{pwl.range = [-1.0, 1.0], pwl.quantiles = dense<[-1.0, 0.0, 0.0, 0.5, 1.0]> : tensor<5xf64>}"
)


def test_quantiles_weigh_inputs() -> None:
    plain = searched(PwlSearchPass(weights="uniform", entries=3), attributes=QUANTILES)
    seen = searched(PwlSearchPass(entries=3), attributes=QUANTILES)
    operand = seen.input_quantization
    q = operand.values[np.abs(operand.values) <= 32]
    x = operand.dequantize(q)
    weights = weights_of(seen, "auto", Samples(q, x, x))
    assert weights is not None
    # A quarter of what was seen is 0 itself, and half lies above.
    assert weights.sum() == pytest.approx(1.0, rel=0.01)
    assert weights[x == 0] == pytest.approx(0.25, abs=0.02)
    assert weights[x > 0].sum() == pytest.approx(0.5, abs=0.02)

    def loss(op: ApplyOp) -> float:
        unit = op.result_quantization.scale * 2.0 ** -table_of(op).result_shift
        error = table_of(op).accumulate(q) * unit - FUNCTION_REGISTRY["gelu"](x)
        return float(np.sum(weights * error**2))

    assert loss(seen) < loss(plain)
    assert fit_of(seen).mse > fit_of(plain).mse


def test_weights_without_a_calibration() -> None:
    assert (
        fit_of(searched(PwlSearchPass())).mse
        == fit_of(searched(PwlSearchPass(weights="uniform"))).mse
    )
    with pytest.raises(PassFailedException, match=r"weights=calibrated needs pwl\.histogram or"):
        searched(PwlSearchPass(weights="calibrated"))


@pytest.mark.parametrize("function", ["tanh", "erf"])
@pytest.mark.parametrize("scale", [2.0**-4, 2.0**-5, 2.0**-6])
def test_odd_tables_are_odd_or_say_where_not(
    function: str, scale: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every input of 8 bits: the accumulators are odd, and the warning counts the results."""
    op = searched(PwlSearchPass(symmetry="odd"), function, f"i8:f32, {scale}", "i8:f32, 7.8125e-03")
    q, table, result = np.arange(1, 128), table_of(op), op.result_quantization
    np.testing.assert_array_equal(table.accumulate(-q), -table.accumulate(q))
    here, there = table.evaluate(q, result), table.evaluate(-q, result)
    inside = (np.abs(here) < 127) & (np.abs(there) < 127)
    count = int(np.sum(inside & (here != -there)))
    said = capsys.readouterr().err
    assert (f"{count} results of the odd table are not odd" in said) == (count > 0)
    assert ("are not odd" in said) == (count > 0)
