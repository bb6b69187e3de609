"""JSON has the promised keys, in program order, with null for what is not known."""

from __future__ import annotations

import json as standard_json
from typing import Any

import pytest
from xdsl.context import Context
from xdsl.dialects import test as ir
from xdsl.dialects.builtin import ArrayAttr, FileLineColLoc, IntAttr, ModuleOp, StringAttr

from lut_opt.backends.report import json
from lut_opt.dialects.pwl import ApplyOp, Fit, FitAttr, FnAttr, NamedFunction, Table, TableAttr
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass

CONTRACT = (
    "function, input_scale, output_scale, input_bits, output_bits, param_bits, frac_bits, entries, "
    "breakpoints, slopes, intercepts, intercept_shift, result_shift, accumulator_scale, "
    "strategy, seed, mse, max_error, optimal_mse"
).split(", ")
SEARCHED = CONTRACT[5:]

TABLE = Table((-30, 7), (0, 12, 64), (0, 5, 0), intercept_shift=4, result_shift=6)
FIT = Fit("optimal", "seed", "mse", 0, 8, 129, 1.7e-05, 0.75, 0.96, 1.7e-05, (-4.0, 4.0))


def apply_ops(output_scale: float = 2.0**-4) -> list[ApplyOp]:
    """One op with table and certificate, one with neither."""
    source = ir.TestOp(result_types=[UniformQuantizedType(8, 2.0**-4)])
    result = UniformQuantizedType(8, output_scale, 3, signed=False)
    gelu, elu = FnAttr(NamedFunction("gelu")), FnAttr(NamedFunction("celu", (0.5,)))
    done = ApplyOp(gelu, source, result_type=result, table=TableAttr(TABLE), fit=FitAttr(FIT))
    done.location = FileLineColLoc(StringAttr("model.py"), IntAttr(12), IntAttr(5))
    return [done, ApplyOp(elu, source, result_type=result)]


def module_of(ops: list[ApplyOp]) -> ModuleOp:
    """A module of the ops and what they use."""
    source = ops[0].input.owner
    assert isinstance(source, ir.TestOp)
    return ModuleOp([source, *ops])


def rows(module: ModuleOp) -> list[dict[str, Any]]:
    """What a script reads."""
    return standard_json.loads(json.emit(module))


def test_keys_are_those_of_the_contract() -> None:
    for row in rows(module_of(apply_ops())):
        assert set(CONTRACT) <= set(row)


def test_values_of_a_found_table() -> None:
    row = rows(module_of(apply_ops()))[0]
    assert row["function"] == "gelu"
    assert (row["input_bits"], row["output_bits"], row["param_bits"]) == (8, 8, 8)
    assert (row["breakpoints"], row["slopes"]) == ([-30, 7], [0, 12, 64])
    assert (row["frac_bits"], row["accumulator_scale"]) == (6, 2.0**-10)
    assert (row["strategy"], row["mse"], row["domain"]) == ("optimal", 1.7e-05, [-4.0, 4.0])
    assert (row["entries"], row["requested_entries"]) == (3, 8)
    assert (row["output_zero_point"], row["output_range"]) == (3, [0, 255])
    assert row["location"] == "model.py:12:5"


def test_what_the_search_decides_is_null_before_it() -> None:
    row = rows(module_of(apply_ops()))[1]
    assert row["function"] == "celu"
    assert row["parameters"] == [0.5]
    assert all(row[key] is None for key in SEARCHED)
    assert row["location"] is None


def test_fraction_bits_are_null_where_slopes_have_no_binary_point() -> None:
    assert rows(module_of(apply_ops(output_scale=0.1)))[0]["frac_bits"] is None


@pytest.mark.parametrize(("scale", "bits"), [(2.0**-7, 9), (2.0**-10, 12)])
def test_fraction_bits_count_slopes_in_the_units_of_the_function(scale: float, bits: int) -> None:
    assert rows(module_of(apply_ops(output_scale=scale)))[0]["frac_bits"] == bits


def test_units_are_listed_after_the_conversion() -> None:
    module = module_of(apply_ops()[:1])
    before = rows(module)[0]
    ConvertPwlToHwPass(pipeline=1).apply(Context(), module)
    (after,) = rows(module)
    assert (after["module"], after["latency"]) == ("pwl_gelu_i8_u8_s2m4_s2m4z3", 1)
    assert all(after[key] == before[key] for key in CONTRACT)


def test_text_is_stable_and_readable() -> None:
    text = json.emit(module_of(apply_ops()))
    assert text == json.emit(module_of(apply_ops()))
    assert '    "breakpoints": [-30, 7],\n' in text
    assert text.endswith("]\n")
    assert json.emit(ModuleOp([])) == "[]\n"


def test_what_was_fused_is_told() -> None:
    plain, op = apply_ops()
    op.attributes["pwl.fused"] = ArrayAttr([StringAttr("math.tanh at m.py:3"), StringAttr("neg")])
    first, second = rows(module_of([plain, op]))
    assert "fused" not in first
    assert second["fused"] == ["math.tanh at m.py:3", "neg"]
