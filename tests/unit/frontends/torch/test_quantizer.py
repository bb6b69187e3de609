"""From torchao's PT2E flow to running integer units: the scales arrive, and the results agree."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import math
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")
pytest.importorskip("torchao", reason="pip install lut-opt[quantize]")

from torch.fx import Interpreter
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import ComposableQuantizer
from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
    X86InductorQuantizer,
    get_default_x86_inductor_quantization_config,
)
from torchao.testing.pt2e._xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)

from lut_opt.backends import jit
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp, NormOp, RowExponentialsOp
from lut_opt.dialects.quant import element_type
from lut_opt.frontends.torch import CalibrationError, NonlinearQuantizer, export_text
from lut_opt.frontends.torch.graph import operator_name
from lut_opt.frontends.torch.notices import ExportWarning
from lut_opt.frontends.torch.operators import is_non_linear
from lut_opt.frontends.torch.quantizer import SoftmaxObserver
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.search import GeneticOptions

QDQ = re.compile(r"quantized_decomposed\.quantize_per_tensor")


def converted(model: Any, batches: Any, quantizer: Any) -> Any:
    """The model after PT2E's export, prepare, calibrate, convert."""
    prepared = prepare_pt2e(torch.export.export(model.eval(), (batches[0],)).module(), quantizer)
    for batch in batches:
        prepared(batch)
    return convert_pt2e(prepared)


def quantizations(model: Any) -> dict[str, tuple[Any, ...]]:
    """Scale, zero point, limits and type that stand before each operator."""
    found: dict[str, tuple[Any, ...]] = {}
    for node in model.graph.nodes:
        if "dequantize_per_tensor" in str(node.target):
            for user in node.users:
                found[operator_name(user)] = node.args[1:]
    return found


def lowered(text: str) -> tuple[Any, Any, list[Any]]:
    """Context, program and its pwl ops, with their tables."""
    ctx = context()
    program = parse(text, "model.mlir", ctx)
    LowerNonlinearToPwlPass(output_bits=16).apply(ctx, program.module)
    # How good the tables are is nothing to these tests.
    search = PwlSearchPass(
        param_bits=10, strategy="genetic", configs=(GeneticOptions(population=8, generations=2),)
    )
    search.apply(ctx, program.module)
    units = [
        op for op in program.module.walk() if isinstance(op, ApplyOp | NormOp | RowExponentialsOp)
    ]
    return ctx, program, units


class WithTables(Interpreter):
    """A converted model whose non-linear operators are the NumPy semantics of lowered ops."""

    def __init__(self, model: Any, units: list[Any]) -> None:
        super().__init__(model)
        self.units = iter(units)

    def run_node(self, n: Any) -> Any:
        if not is_non_linear(operator_name(n)):
            return super().run_node(n)
        (x, *rest), _ = self.fetch_args_kwargs_from_env(n)
        op = next(self.units)
        q = op.input_quantization.quantize(x.detach().double().numpy())
        if isinstance(op, ApplyOp):
            y = op.table.data.evaluate(q, op.result_quantization)
        elif isinstance(op, RowExponentialsOp):
            y = op.unit().evaluate(q, axes=op.row_axes)
        else:
            kinds = [element_type(value.type).quantization for value in op.operands[1:]]
            tensors = [value for value in rest if isinstance(value, torch.Tensor)]
            affine = [
                kind.quantize(value.detach().double().numpy())
                for kind, value in zip(kinds, tensors, strict=True)
            ]
            y = op.unit().evaluate(q, *affine)
        return torch.tensor(op.result_quantization.dequantize(y)).float()


def test_the_whole_flow_computes_what_the_fake_quantized_model_computes(
    models: ModuleType,
) -> None:
    torch.manual_seed(1)
    model = models.Block()
    x = torch.randn(2, 12, 16)
    quantized = converted(model, [x, torch.randn(2, 12, 16)], NonlinearQuantizer({"gelu": 16}))
    ctx, program, units = lowered(export_text(quantized, x))
    given = quantizations(quantized)
    assert len(units) == len(given) == 4
    for op, (scale, zero, low, high, _) in zip(units, given.values(), strict=True):
        stored = op.input_quantization
        assert (stored.scale, stored.zero_point) == (scale, zero)
        assert (stored.minimum, stored.maximum) == (low, high)
    wanted = WithTables(quantized, units).run(x)
    ConvertPwlToArithPass().apply(ctx, program.module)
    got = jit.compile(program, opt_level=1)(x.numpy())
    np.testing.assert_allclose(got, wanted.detach().numpy(), atol=2e-6)
    assert np.abs(got - model(x).detach().numpy()).max() < 0.1


def test_exactly_the_nonlinear_operators_are_annotated(models: ModuleType) -> None:
    model, x = models.Block(), torch.randn(2, 12, 16)
    given = quantizations(converted(model, [x], NonlinearQuantizer({"gelu": 16, "softmax": 8})))
    assert set(given) == {"layer_norm", "gelu", "softmax.int", "sqrt"}
    assert [given[name][-1] for name in given] == [
        torch.int16,  # norms take 16 bits unless they are named
        torch.int16,  # scores, too: their distances take 8
        torch.int16,
        torch.uint8,  # a square root's input is not negative
    ]
    for scale, zero, *_ in given.values():
        assert math.log2(scale).is_integer()
        assert zero == 0
    both = converted(model, [x], NonlinearQuantizer(outputs=True))
    pairs = [node for node in both.graph.nodes if QDQ.search(str(node.target))]
    assert len(pairs) == 2 * len(given)


def test_least_squares_clips(models: ModuleType) -> None:
    model = torch.nn.Sequential(torch.nn.Identity(), torch.nn.GELU())
    x = torch.cat([torch.randn(200_000), torch.tensor([30.0])])
    covering = quantizations(converted(model, [x], NonlinearQuantizer()))["gelu"][0]
    clipping = quantizations(converted(model, [x], NonlinearQuantizer(method="mse")))["gelu"][0]
    assert (covering, clipping) == (0.25, 2.0**-3)


@pytest.mark.parametrize(
    ("offset", "spread", "scale"),
    [
        (0.0, 1.0, 2.0**-4),  # a distance of 16 fills 8 bits
        (1e4, 1.0, 2.0**-1),  # … unless the scores themselves do not fit 16 bits
        (-1e3, 1.0, 2.0**-4),
    ],
)
def test_softmax_scales_follow_distances_not_offsets(
    offset: float, spread: float, scale: float
) -> None:
    observer = SoftmaxObserver(axis=-1, distance_bits=8, dtype=torch.int16)
    scores = spread * torch.randn(4, 9) + offset
    scores[1, 3:] = -math.inf
    scores[2] = torch.finfo(torch.float32).min
    observer(scores)
    chosen, zero = observer.calculate_qparams()
    assert (chosen.item(), zero.item()) == (scale, 0)
    # What is masked saturates at least 16 below every maximum that was seen.
    assert -32768 * scale <= scores[0].max().item() - 16


def test_the_rest_of_the_model_is_another_quantizers(models: ModuleType) -> None:
    torch.manual_seed(0)
    model, x = models.Block(), torch.randn(2, 12, 16)
    other = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    quantized = converted(model, [x], ComposableQuantizer([NonlinearQuantizer(), other]))
    text = export_text(quantized, x)
    assert "dequantize_per_channel" in text
    ctx, program, units = lowered(text)
    assert len(units) == 4
    left = [op.name for op in program.module.walk() if "dequantize_per_channel" in op.name]
    assert len(left) == text.count("dequantize_per_channel")
    wanted = WithTables(quantized, units).run(x).detach().numpy()
    ConvertPwlToArithPass().apply(ctx, program.module)
    got = jit.compile(program, opt_level=1)(x.numpy())
    # Linear layers in floats round to other 8-bit neighbours now and then.
    assert np.mean(np.abs(got - wanted) < 1e-5) > 0.95


def test_unsigned_results_of_the_x86_quantizer() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(8, 8)
    model, x = torch.nn.Sequential(linear, torch.nn.GELU(), linear), torch.randn(4, 8)
    x86 = X86InductorQuantizer().set_global(get_default_x86_inductor_quantization_config())
    quantized = converted(model, [x], ComposableQuantizer([NonlinearQuantizer(), x86]))
    ctx = context()
    program = parse(export_text(quantized, x), "model.mlir", ctx)
    LowerNonlinearToPwlPass().apply(ctx, program.module)
    (gelu,) = (op for op in program.module.walk() if isinstance(op, ApplyOp))
    (given,) = (
        node.args[1:]
        for node in quantized.graph.nodes
        if QDQ.search(str(node.target)) and operator_name(node.args[0]) == "gelu"
    )
    result = gelu.result_quantization
    assert (result.signed, result.scale, result.zero_point) == (False, given[0], given[1])
    assert given[1] > 0
    assert math.log2(gelu.input_quantization.scale).is_integer()


def test_locations_are_those_of_the_model(models: ModuleType) -> None:
    model, x = models.Block(), torch.randn(2, 12, 16)
    text = export_text(converted(model, [x], NonlinearQuantizer()), x)
    sqrt = next(line for line in text.splitlines() if '"torch.aten.sqrt"' in line)
    assert re.search(r'models\.py":\d+:0', sqrt)
    assert "eval_with_key" not in text


def test_what_cannot_be_calibrated() -> None:
    model = torch.nn.Sequential(torch.nn.Identity(), torch.nn.GELU())
    with pytest.raises(CalibrationError, match="NaN or infinity"):
        converted(model, [torch.tensor([math.nan, 1.0])], NonlinearQuantizer())
    with pytest.raises(ValueError, match="8 or 16 bits"):
        NonlinearQuantizer(12)
    prepared = prepare_pt2e(
        torch.export.export(model, (torch.randn(4),)).module(), NonlinearQuantizer()
    )
    with pytest.raises(CalibrationError, match="no value was seen"):
        convert_pt2e(prepared)


def softmax_by_division(x: Any) -> Any:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


def softmax_by_reciprocal(x: Any) -> Any:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e * torch.reciprocal(e.sum(-1, keepdim=True))


def norm_by_rsqrt(x: Any) -> Any:
    c = x - x.mean(-1, keepdim=True)
    return c * torch.rsqrt(c.square().mean(-1, keepdim=True) + 1e-3)


def norm_by_variance(x: Any) -> Any:
    return x / torch.sqrt(x.var(-1, keepdim=True, correction=0) + 1e-3)


class Called(torch.nn.Module):
    """A function as a model."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def annotated(function: Any) -> None:
    exported = torch.export.export(Called(function), (torch.randn(2, 8),)).module()
    prepare_pt2e(exported, NonlinearQuantizer())


@pytest.mark.parametrize(
    ("function", "operator", "whole"),
    [
        (softmax_by_division, "exp", "softmax"),
        (softmax_by_reciprocal, "exp", "softmax"),
        (norm_by_rsqrt, "rsqrt", "norm"),
        (norm_by_variance, "sqrt", "norm"),
    ],
)
def test_what_is_written_out_is_warned_of(function: Any, operator: str, whole: str) -> None:
    said = rf"test_quantizer\.py:\d+: `{operator}` is part of a {whole} that is written out"
    with pytest.warns(ExportWarning, match=said):
        annotated(function)


@pytest.mark.parametrize("function", [torch.nn.Softmax(-1), torch.nn.LayerNorm(8), torch.exp])
def test_what_is_whole_is_not_warned_of(function: Any, recwarn: pytest.WarningsRecorder) -> None:
    annotated(function)
    assert not [each for each in recwarn if each.category is ExportWarning]
