"""What models bring: operators to open, small floats, integers, masks, dropout, views."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import math
import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from lut_opt.backends import jit
from lut_opt.backends.remaining import remaining_nonlinear
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import UnitOp
from lut_opt.frontends.torch import ExportError, calibrate, export_text
from lut_opt.frontends.torch import traced as traced_module
from lut_opt.frontends.torch.notices import ExportWarning
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.support.declarations import declared_result, declared_row_sizes

F: Any = torch.nn.functional


class Function(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs)


X, Y = (torch.randn(4, 8, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
COUNTS = torch.arange(12).reshape(3, 4) % 5

OPENED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "logaddexp": (torch.logaddexp, (X, Y)),
    "logaddexp2": (torch.logaddexp2, (X, Y)),
    "logcumsumexp": (lambda x: torch.logcumsumexp(x, -1), (X,)),
    "hypot": (torch.hypot, (X, Y)),
    "dist": (torch.dist, (X, Y)),
    "pairwise_distance": (F.pairwise_distance, (X, Y)),
    "cdist": (torch.cdist, (X, Y)),
    "cdist by a product": (torch.cdist, (X.repeat(8, 1), Y.repeat(8, 1) + 1)),
    "norm": (lambda x: x.norm(), (X,)),
    "over its norm": (lambda x: x / (x.norm(dim=-1, keepdim=True) + 1e-6), (X,)),
    "cosine similarity": (lambda x, y: F.cosine_similarity(x, y, -1), (X, Y)),
    "global response": (lambda x: x * (n := x.norm(dim=0, keepdim=True)) / n.mean(), (X,)),
    "norm of order 1": (lambda x: x.norm(1, dim=-1), (X,)),
    "norm of order 3": (lambda x: x.norm(3, dim=-1), (X,)),
    "largest magnitude": (lambda x: x.norm(math.inf, dim=-1), (X,)),
    "softmax of integers": (lambda x: torch.softmax(x, -1, dtype=torch.float32), (COUNTS,)),
    "exp of integers": (torch.exp, (COUNTS,)),
    "quotient of integers": (lambda x: x / (x + 1), (COUNTS,)),
    "softmax of one number": (lambda x: torch.softmax(x.sum(), 0) + x, (X,)),
    "masked exp": (lambda x: torch.exp(x.masked_fill(x > 0, -math.inf)), (X,)),
}


@pytest.mark.parametrize("name", OPENED)
def test_operators_are_opened_before_calibration(name: str) -> None:
    function, inputs = OPENED[name]
    model = Function(function)
    text = export_text(model, *inputs, calibration=calibrate(model, [inputs]))
    np.testing.assert_allclose(
        jit.compile(text)(*(x.numpy() for x in inputs)), function(*inputs), rtol=1e-4, atol=1e-5
    )
    ctx = context()
    program = parse(text, name, ctx)
    LowerNonlinearToPwlPass().apply(ctx, program.module)
    assert not remaining_nonlinear(program.module)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("function", [torch.tanh, F.gelu, lambda x: x @ x.T])
def test_small_floats_run(dtype: Any, function: Callable[..., Any]) -> None:
    model = Function(lambda x: function(x.to(dtype)).float())
    got = jit.compile(export_text(model, X))(X.numpy())
    np.testing.assert_allclose(got, model(X), rtol=2e-2, atol=2e-2)


def _declared(text: str, operator: str, name: str) -> tuple[float, float]:
    line = next(line for line in text.splitlines() if f"torch.aten.{operator}" in line)
    found = re.search(rf"pwl\.{name} = \[(\S+), (\S+)\]", line)
    assert found is not None
    return float(found[1]), float(found[2])


def test_results_and_raw_scores_are_declared() -> None:
    norm = torch.nn.LayerNorm(8)
    torch.nn.init.constant_(norm.weight, 20.0)
    torch.nn.init.constant_(norm.bias, 200.0)
    model = torch.nn.Sequential(norm, torch.nn.Softmax(-1))
    text = export_text(model, X, calibration=calibrate(model, [X]))
    made = norm(X).detach()
    extent = pytest.approx((made.min().item(), made.max().item()))
    assert _declared(text, "layer_norm", "range_result") == extent
    assert _declared(text, "softmax.int", "range_raw") == extent
    low, high = _declared(text, "softmax.int", "range_result")
    assert 0 <= low < high <= 1


def test_a_group_norm_declares_what_it_makes_before_gamma() -> None:
    norm = torch.nn.GroupNorm(2, 4)
    torch.nn.init.constant_(norm.weight, 1000.0)
    text = export_text(norm, X[:, :4, None], calibration=calibrate(norm, [X[:, :4, None]]))
    low, high = _declared(text, "group_norm", "range_result")
    assert -2 < low < high < 2


def test_norms_declare_the_sizes_of_their_rows() -> None:
    """Small rows count as much as large ones, and 16 bits would not hold both."""
    rows = X * torch.logspace(-3, 3, len(X))[:, None]
    model = torch.nn.LayerNorm(X.shape[-1], eps=1e-10)
    text = export_text(model, rows, calibration=calibrate(model, [rows]))
    program = parse(text, "m.mlir", context())
    (op,) = [each for each in program.module.walk() if "layer_norm" in each.name]
    sizes = declared_row_sizes(op)
    assert sizes is not None
    spread = rows.std(-1, correction=0)
    assert (sizes[0], sizes[-1]) == pytest.approx((spread.min().item(), spread.max().item()))
    LowerNonlinearToPwlPass().apply(context(), program.module)
    (norm,) = [each for each in program.module.walk() if isinstance(each, UnitOp)]
    assert norm.input_quantization.bits == 32


def test_a_norm_written_out_knows_its_results_and_its_rows() -> None:
    def function(x: Any) -> Any:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)

    model = Function(function)
    text = export_text(model, X, calibration=calibrate(model, [X]))
    made = model(X)
    extent = pytest.approx((made.min().item(), made.max().item()))
    assert _declared(text, "rsqrt", "range_product") == extent
    program = parse(text, "m.mlir", context())
    LowerNonlinearToPwlPass().apply(context(), program.module)
    (norm,) = [each for each in program.module.walk() if isinstance(each, UnitOp)]
    assert norm.UNIT.name == "rms_norm"
    assert declared_result(norm) == extent
    sizes = declared_row_sizes(norm)
    assert sizes is not None
    roots = X.pow(2).mean(-1).sqrt()
    wanted = roots.min().item(), roots.max().item()
    assert (sizes[0], sizes[-1]) == pytest.approx(wanted, rel=1e-4)


def test_the_model_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    build = traced_module.build

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return build(*arguments, **options)

    monkeypatch.setattr(traced_module, "build", counted)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.GELU())
    calibration = calibrate(model, [X])
    export_text(model, X, calibration=calibration)
    assert len(calls) == 1
    # Weights are the model's own; a model with other parts is another one.
    with torch.no_grad():
        model[0].weight.zero_()
    changed = export_text(model, X, calibration=calibration)
    assert len(calls) == 1
    np.testing.assert_allclose(jit.compile(changed)(X.numpy()), model(X).detach(), rtol=1e-5)
    model[0] = torch.nn.Linear(8, 8)
    export_text(model, X, calibration=calibration)
    assert len(calls) == 2
    assert pickle.loads(pickle.dumps(calibration)).operators == calibration.operators


def test_dropout_in_evaluation_mode_is_taken_out_with_a_warning() -> None:
    x = X[None]
    model = Function(lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5))
    with pytest.warns(ExportWarning, match=r"test_brought_models\.py:\d+: `scaled_dot_product"):
        text = export_text(model, x)
    wanted = F.scaled_dot_product_attention(x, x, x)
    np.testing.assert_allclose(jit.compile(text)(x.numpy()), wanted, rtol=1e-5, atol=1e-6)


def test_what_no_table_replaces_is_named_at_export() -> None:
    with pytest.warns(ExportWarning, match=r"test_brought_models\.py:\d+: `erfinv` has no table"):
        export_text(Function(lambda x: torch.erfinv(x / 9)), X)
    with pytest.raises(ExportError, match=r"test_brought_models\.py:\d+: `abs` of complex"):
        export_text(Function(lambda x: torch.fft.rfft(x).abs()), X)
    with pytest.raises(ExportError, match=r"aten\.histc.*experts_implementation"):
        export_text(Function(lambda x: torch.histc(x, 4, 0, 1)), X)


class Cache(torch.nn.Module):
    """Overwrites one of two buffers that are views of a third."""

    def __init__(self) -> None:
        super().__init__()
        both = torch.zeros(2, 4, 8)
        self.register_buffer("both", both)
        self.register_buffer("k", both[0])
        self.register_buffer("v", both[1])

    def forward(self, x: Any) -> Any:
        self.k[:2] = x[:2]
        return torch.softmax(x @ self.k.T, -1) @ self.v


def test_buffers_that_are_views_of_one_tensor_are_named() -> None:
    with pytest.raises(ExportError, match=r"buffers `both` and `k` are views of one tensor"):
        export_text(Cache(), X)


class CacheOfAttributes(torch.nn.Module):
    """The same with tensors that are no buffers."""

    def __init__(self) -> None:
        super().__init__()
        both = torch.zeros(2, 4, 8)
        self.layers = [(both[0], both[1])]

    def forward(self, x: Any) -> Any:
        k, v = self.layers[0]
        k[:2] = x[:2]
        return torch.softmax(x @ k.T, -1) @ v


def test_other_tensors_that_are_views_of_one_are_named() -> None:
    with pytest.raises(ExportError, match=r"tensors `layers\[0\]` and `layers\[1\]` are views"):
        export_text(CacheOfAttributes(), X)


def test_fast_paths_of_attention_are_off_and_on_again() -> None:
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).eval()
    seen: list[bool] = []

    def forward(x: Any, mask: Any) -> Any:
        seen.append(torch.backends.mha.get_fastpath_enabled())
        return layer(x, src_key_padding_mask=mask)

    x, mask = X.reshape(2, 2, 8), torch.tensor([[False, True], [False, False]])
    model = Function(forward)
    text = export_text(model, x, mask, calibration=calibrate(model, [(x, mask)]))
    assert seen
    assert not any(seen)
    assert torch.backends.mha.get_fastpath_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.mha.set_fastpath_enabled(False)
        wanted = layer(x, src_key_padding_mask=mask).detach()
        torch.backends.mha.set_fastpath_enabled(True)
    got = jit.compile(text)(x.numpy(), mask.numpy())
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_a_vector_over_its_norm_is_one_unit() -> None:
    for name, units in (("over its norm", 1), ("cosine similarity", 2)):
        function, inputs = OPENED[name]
        model, ctx = Function(function), context()
        text = export_text(model, *inputs, calibration=calibrate(model, [inputs]))
        program = parse(text, name, ctx)
        LowerNonlinearToPwlPass().apply(ctx, program.module)
        names = [op.name for op in program.module.walk() if op.name.startswith("pwl.")]
        assert names == ["pwl.rms_norm"] * units


class MeanOfMasked(torch.nn.Module):
    """A mean whose denominator is clamped, because some rows have nothing to count."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = (x[..., :1] > 0).float()
        return (x * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def test_a_denominator_that_is_nearly_nothing_does_not_decide_a_quotients_scale() -> None:
    torch.manual_seed(0)
    batches = [torch.randn(8, 4, 16) for _ in range(3)]
    model = MeanOfMasked()
    text = export_text(model, batches[0], calibration=calibrate(model, batches))
    ctx = context()
    program = parse(text, "mean.mlir", ctx)
    for step in (LowerNonlinearToPwlPass(), PwlSearchPass(), ConvertPwlToArithPass()):
        step.apply(ctx, program.module)
    found = np.asarray(jit.compile(program)(batches[1].numpy()))
    wanted = model(batches[1]).numpy()
    assert np.linalg.norm(found - wanted) < 0.01 * np.linalg.norm(wanted)


def test_what_follows_an_opened_attention_may_be_viewed() -> None:
    def attended(x: torch.Tensor) -> torch.Tensor:
        heads = x.view(2, 6, 2, 4).transpose(1, 2)
        made = F.scaled_dot_product_attention(heads, heads, heads, is_causal=True)
        # GPT-2's: contiguous as PyTorch's operator lays its result out, and viewed.
        return made.transpose(1, 2).reshape(2, 6, 8).contiguous().view(-1, 8)

    x = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    got = jit.compile(export_text(Function(attended), x))(x.numpy())
    np.testing.assert_allclose(got, attended(x), rtol=1e-4, atol=1e-5)
