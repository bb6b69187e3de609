"""Export: operators whole, locations and weights kept, the result equal to PyTorch's in the JIT."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from torch.nn import functional as F

from lut_opt.backends import jit
from lut_opt.dialects.assembly import context
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.frontends.torch import ExportError, calibrate, export, export_text
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass

POINTWISE = {
    "gelu": F.gelu,
    "silu": F.silu,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "log10": torch.log10,
    "log_sigmoid": F.logsigmoid,
    "logit": lambda x: torch.logit(x / 3),
    "softplus": F.softplus,
    "mish": F.mish,
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "leaky_relu": F.leaky_relu,
    "sin": torch.sin,
    "cos": torch.cos,
    "atan": torch.atan,
    "tan": lambda x: torch.tan(x / 2),
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "asin": lambda x: torch.asin(x / 3),
    "acos": lambda x: torch.acos(x / 3),
    "asinh": torch.asinh,
    "acosh": lambda x: torch.acosh(x + 1),
    "atanh": lambda x: torch.atanh(x / 3),
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "reciprocal": torch.reciprocal,
    "square": torch.square,
    "pow.Tensor_Scalar": lambda x: x**2.5,
    "pow.Scalar": lambda x: 1.5**x,
}


class All(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return tuple(function(x) for function in POINTWISE.values())


def test_every_function_survives_under_its_name_and_runs() -> None:
    x = torch.linspace(0.1, 2.0, 64).reshape(4, 16)
    text = export_text(All(), x)
    found = set(re.findall(r'"torch\.aten\.([\w.]+)"', text))
    assert found >= set(POINTWISE)
    for name, got, wanted in zip(POINTWISE, jit.compile(text)(x.numpy()), All()(x), strict=True):
        np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-5, atol=1e-6, err_msg=name)


def test_model_equals_pytorch_and_keeps_its_mode(models: ModuleType) -> None:
    torch.manual_seed(0)
    model = models.Net().train()
    x = torch.randn(4, 8)
    program = export(model, x)
    assert model.training
    results = jit.compile(program)(x.numpy())
    expected = model.eval()(x)
    for got, wanted in zip(results, expected.values(), strict=True):
        np.testing.assert_allclose(got, wanted.detach().numpy(), atol=1e-6)


def test_locations_name_the_model_and_constants_are_folded(models: ModuleType) -> None:
    text = export_text(models.Net(), torch.randn(4, 8))
    gelu = next(line for line in text.splitlines() if "torch.aten.gelu" in line)
    assert re.search(r'models\.py":\d+:0', gelu)
    assert "<node>" not in text
    for folded in ("cos", "sqrt", "reciprocal"):
        assert f"torch.aten.{folded}" not in text


def test_ranges_by_layer_or_operator(models: ModuleType) -> None:
    text = export_text(
        models.Net(), torch.randn(4, 8), ranges={"act": (-4.0, 3.96875), "softmax.int": (-8.0, 0.0)}
    )
    assert "{pwl.range = [-4.000000e+00, 3.968750e+00]}" in text
    assert "{pwl.range = [-8.000000e+00, 0.000000e+00]}" in text
    with pytest.raises(ExportError, match="no non-linear operator is called `nothing`"):
        export_text(models.Net(), torch.randn(4, 8), ranges={"nothing": (0.0, 1.0)})


def test_a_calibration_of_another_model_is_refused(models: ModuleType) -> None:
    calibration = calibrate(torch.nn.GELU(), [torch.randn(4)])
    with pytest.raises(ExportError, match="calibrate this model again"):
        export_text(models.Net(), torch.randn(4, 8), calibration=calibration)


def test_dynamic_batch(models: ModuleType) -> None:
    model = models.Net().eval()
    text = export_text(model, torch.randn(4, 8), dynamic_shapes=({0: torch.export.Dim("batch")},))
    executable = jit.compile(text)
    for batch in (2, 7):
        x = torch.randn(batch, 8)
        got, wanted = executable(x.numpy())[0], model(x)["p"]
        np.testing.assert_allclose(got, wanted.detach().numpy(), atol=1e-6)


def test_attention_whole_or_open(models: ModuleType) -> None:
    x = torch.randn(1, 2, 4, 8)
    name = "scaled_dot_product_attention"
    opened = export_text(models.Attention(), x)
    assert "torch.aten.softmax.int" in opened
    assert name not in opened
    assert f"torch.aten.{name}" in export_text(models.Attention(), x, keep=[name])
    with pytest.raises(ExportError, match=r"keep names \['gelu'\]"):
        export_text(models.Attention(), x, keep=["gelu"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Branch", r"models\.py:\d+: .*if x\.sum\(\) > 0"),
        ("Unsupported", r"models\.py:\d+: .*lgamma"),
    ],
)
def test_unsupported_models_name_their_line(
    models: ModuleType, name: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExportError, match=message):
        export_text(getattr(models, name)(), torch.rand(4))
    assert capfd.readouterr().err == ""


@dataclass
class Result:
    y: Any
    rest: Any = None


class Returns(torch.nn.Module):
    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result

    def forward(self, x: Any) -> Any:
        return self.result(x)


def test_results_of_every_shape() -> None:
    model = Returns(lambda x: Result(x.neg(), {"a": [x + 1, None, 3], "b": Result((x,))}))
    text = export_text(model, torch.ones(2))
    assert re.search(r"function_type = \(!torch[^)]*\) -> \((!torch[^,]*,f32>(, )?){3}\)", text)
    for result, message in ((lambda x: {1, 2}, "returns a set"), (lambda x: 3, "no tensor")):
        with pytest.raises(ExportError, match=message):
            export_text(Returns(result), torch.ones(2))


class Overwrites(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cache", torch.zeros(4))

    def forward(self, x: Any) -> Any:
        if x.dim() == 2:
            return F.silu(x.mul_(2.0))
        self.cache[:2] = x
        return F.silu(self.cache + 0.0, inplace=True)


@pytest.mark.parametrize(("shape", "what"), [((2,), "buffer `cache`"), ((2, 2), "an input")])
def test_state_that_a_call_leaves_behind(shape: tuple[int, ...], what: str) -> None:
    with pytest.raises(ExportError, match=rf"test_export\.py:\d+: {what} is overwritten"):
        export_text(Overwrites(), torch.randn(shape))


def test_a_long_chain_of_constants_is_not_followed_from_every_node() -> None:
    """As the masks of model libraries are made; two uses a step would be 2^40 evaluations."""

    class Masked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mask", torch.ones(4))

        def forward(self, x: Any) -> Any:
            mask = self.mask
            for _ in range(40):
                mask = mask.abs() - mask * 0.5
            return F.gelu(x + mask)

    assert "torch.aten.gelu" in export_text(Masked(), torch.zeros(2, 4))


def test_position_encodings_of_constants_are_constants() -> None:
    """Every operator of the encoding is computed at export, floor division and powers too."""

    class Positions(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            steps = torch.arange(8).to(torch.float32)
            period = 100.0 ** (2 * torch.div(steps, 2, rounding_mode="floor") / 8)
            return x + torch.sin(steps / period)

    text = export_text(Positions(), torch.zeros(2, 8))
    assert "torch.aten.add.Tensor" in text
    for operator in ("div.Tensor_mode", "pow", "sin"):
        assert f"torch.aten.{operator}" not in text


def test_a_written_out_hardswish_has_a_range_and_becomes_one_table() -> None:
    class Written(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * F.relu6(x + 3) / 6 + x.clamp(-1, 1)

    batches = [torch.linspace(-6, 6, 64).reshape(4, 16)]
    program = export(Written(), *batches, calibration=calibrate(Written(), batches))
    LowerNonlinearToPwlPass().apply(context(), program.module)
    applies = [op for op in program.module.walk() if isinstance(op, ApplyOp)]
    assert [op.function_name for op in applies] == ["hardswish"]
    # a bound that is not multiplied with its input stays what it is
    assert "torch.aten.clamp" in {op.name for op in program.module.walk()}
