"""What a quantizer opens computes the same, and shows its non-linear operator."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")

from torch.nn import functional as F

from lut_opt.frontends.torch import ExportError
from lut_opt.frontends.torch.graph import operator_name
from lut_opt.frontends.torch.opening import open_composites

Q, K = torch.randn(2, 4, 6, 8), torch.randn(2, 2, 6, 8)
MASK = torch.ones(6, 6).tril(-1).bool()
"""Nothing is left for the first row to attend to."""


class Calls(torch.nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *arguments: Any) -> Any:
        return self.function(*arguments)


@pytest.mark.parametrize(
    ("function", "arguments", "operator"),
    [
        (lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True), (Q,), "softmax.int"),
        (lambda q, m: F.scaled_dot_product_attention(q, q, q, m), (Q, MASK), "softmax.int"),
        (
            lambda q, m: F.scaled_dot_product_attention(q, q, q, m, scale=0.3),
            (Q, torch.randn(6, 6)),
            "softmax.int",
        ),
        (
            lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True),
            (Q, K),
            "softmax.int",
        ),
        (lambda q: F.glu(q, 1), (Q,), "sigmoid"),
        (lambda q: F.silu(q * 2, inplace=True), (Q,), "silu"),
    ],
)
def test_opened(function: Any, arguments: Any, operator: str) -> None:
    module = torch.export.export(Calls(function), arguments).module()
    wanted = module(*arguments)
    open_composites(module)
    names = {operator_name(node) for node in module.graph.nodes}
    assert operator in names
    assert not names & {"scaled_dot_product_attention", "glu", "silu_"}
    np.testing.assert_allclose(module(*arguments), wanted, atol=1e-6)


def test_an_input_is_not_overwritten() -> None:
    module = torch.export.export(Calls(lambda x: F.silu(x, inplace=True)), (Q,)).module()
    with pytest.raises(ExportError, match=r"test_opening\.py:\d+: `silu_` overwrites a tensor"):
        open_composites(module)
