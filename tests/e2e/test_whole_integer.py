"""
Networks in integers throughout: PyTorch, the JIT and IREE agree on every bit.

What is compared is told in `tests/exact.py`: PyTorch on the values of the integers.
"""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")
pytest.importorskip("torchao", reason="pip install lut-opt[quantize]")

from exact import Exact
from torch import nn
from torch.nn import functional as F
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import ComposableQuantizer
from torchao.testing.pt2e._xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)

from lut_opt.backends import iree, jit
from lut_opt.backends.report import report
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp, DivideOp, NormOp, RowExponentialsOp
from lut_opt.frontends.torch import IntegerQuantizer, NonlinearQuantizer, export_text
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.convert_quantized_to_integer import ConvertQuantizedToIntegerPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.search import GeneticOptions

NONE_LEFT = "in floating point between quantizations: none"


def converted(model: Any, batches: Any, quantizer: Any) -> Any:
    """The model after PT2E's export, prepare, calibrate, convert."""
    torch.backends.mha.set_fastpath_enabled(False)
    prepared = prepare_pt2e(torch.export.export(model.eval(), batches[0]).module(), quantizer)
    for batch in batches:
        prepared(*batch)
    return convert_pt2e(prepared)


def integers(quantized: Any, batch: Any) -> tuple[Any, list[Any]]:
    """The compiled-to-arithmetic program, which holds no float operator, and its units."""
    ctx = context()
    program = parse(export_text(quantized, *batch), "model.mlir", ctx)
    LowerNonlinearToPwlPass().apply(ctx, program.module)
    # How good the tables are is nothing to these tests.
    quick = (GeneticOptions(population=8, generations=2),)
    search = PwlSearchPass(param_bits=10, strategy="genetic", configs=quick)
    search.apply(ctx, program.module)
    kinds = ApplyOp | NormOp | RowExponentialsOp | DivideOp
    units = [op for op in program.module.clone().walk() if isinstance(op, kinds)]
    ConvertQuantizedToIntegerPass(float="error").apply(ctx, program.module)
    program.module.verify()
    assert NONE_LEFT in report.emit(program.module)
    ConvertPwlToArithPass().apply(ctx, program.module)
    return program, units


def check(model: Any, batches: Any, quantizer: Any = None, *, on_iree: bool = False) -> Any:
    """
    PyTorch in float64, the JIT and, if asked, IREE agree; the result.

    A quantizer with scales that are no powers of two leaves the floats of the last dequantization
    equal but for their rounding.
    """
    quantizer = quantizer or IntegerQuantizer(power_of_two=True)
    exact = getattr(quantizer, "power_of_two", False)
    quantized = converted(model, batches, quantizer)
    program, units = integers(quantized, batches[0])
    arrays = [tensor.numpy() for tensor in batches[-1]]
    with torch.no_grad():
        wanted = Exact(quantized, units).run(*batches[-1]).float().numpy()
    got = jit.compile(program, opt_level=1)(*arrays)
    np.testing.assert_allclose(got, wanted, rtol=0 if exact else 5e-6)
    if on_iree:
        np.testing.assert_array_equal(iree.compile(program)(*arrays), got)
    assert len(np.unique(wanted)) > 8  # nothing has vanished
    return got


def random_batches(*shape: int) -> list[tuple[Any]]:
    torch.manual_seed(0)
    return [(torch.randn(*shape),) for _ in range(3)]


@pytest.mark.parametrize("norm_first", [True, False])
def test_encoder_block(norm_first: bool) -> None:
    batches = random_batches(2, 10, 32)
    model = nn.TransformerEncoderLayer(
        32, 4, 64, activation="gelu", batch_first=True, norm_first=norm_first
    )
    got = check(model, batches, on_iree=norm_first)
    assert np.abs(got - model(*batches[-1]).detach().numpy()).max() < 0.1


class MaskedAttention(nn.Module):
    """One head; tokens whose mask is 0 are attended by none."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        scores = self.query(x) @ self.key(x).transpose(1, 2) / 32**0.5
        scores = scores.masked_fill(mask[:, None] == 0, -torch.inf)
        return torch.softmax(scores, -1) @ self.value(x)


def test_masks_beside_accumulators_of_64_bits() -> None:
    torch.manual_seed(0)
    masks = (torch.arange(8) < torch.tensor([[5], [8], [2]])).long()
    batches: Any = [(torch.randn(3, 8, 32), masks) for _ in range(3)]
    model = MaskedAttention()
    got = check(model, batches, IntegerQuantizer(16, power_of_two=True))
    with torch.no_grad():
        wanted = model(*batches[-1]).numpy()
    assert np.abs(got - wanted).max() < 0.1


def test_scales_of_any_kind_and_zero_points() -> None:
    """Multipliers of 31 bits differ from exact scales in ties alone: there are none here."""
    batches = random_batches(4, 16)
    model = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 8))
    check(model, batches, IntegerQuantizer())
    xnnpack = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    check(model, batches, ComposableQuantizer([NonlinearQuantizer(), xnnpack]))


class Classifier(nn.Module):
    """Embeddings, a norm, a mean over tokens, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, 16), nn.Embedding(12, 16)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        return self.head(self.norm(x).mean(1))


def test_embeddings_pooling_and_a_head() -> None:
    torch.manual_seed(0)
    check(Classifier(), [(torch.randint(0, 50, (3, 8)),) for _ in range(3)])


class Segmenter(nn.Module):
    """Strided, padded, grouped and dilated convolutions, pooling, upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish())
        self.depth = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False)
        self.mix = nn.Conv2d(8, 8, 1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(16, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.stem(x)
        fine = fine + F.relu(self.mix(self.depth(fine)))
        coarse = F.interpolate(self.pool(fine), scale_factor=2, mode="bilinear")
        whole = F.adaptive_avg_pool2d(fine, 1)
        return self.head(torch.cat([fine * whole, coarse], 1))


def test_convolutions_pooling_and_upsampling() -> None:
    check(Segmenter(), random_batches(1, 3, 16, 16), on_iree=True)
