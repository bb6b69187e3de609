"""Pads of every sign and rank: compiled code answers as PyTorch does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")

from lut_opt.backends import jit  # noqa: E402
from lut_opt.dialects.assembly import context, parse  # noqa: E402
from lut_opt.frontends.torch import export_text  # noqa: E402

AMOUNTS = st.lists(st.integers(-2, 2), min_size=2, max_size=4).filter(lambda each: len(each) != 3)


class Pad(torch.nn.Module):
    """`torch.nn.functional.pad`, beginning with the last axis."""

    def __init__(self, amounts: list[int]) -> None:
        super().__init__()
        self.amounts = amounts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pad with a number that is seen."""
        return torch.nn.functional.pad(x, self.amounts, value=3.0)


@settings(max_examples=12, deadline=None)
@given(AMOUNTS)
def test_negative_amounts_crop(amounts: list[int]) -> None:
    x = torch.arange(30.0).reshape(1, 5, 6)
    compiled = jit.compile(parse(export_text(Pad(amounts), x), "pad.mlir", context()))
    assert np.array_equal(compiled(x.numpy()), Pad(amounts)(x).numpy())


def test_a_shift_in_time_is_one() -> None:
    """RWKV's `time_shift`: what goes in at one end goes out at the other."""
    shift, x = torch.nn.ZeroPad2d((0, 0, 1, -1)), torch.arange(8.0).reshape(1, 4, 2)
    compiled = jit.compile(parse(export_text(shift, x), "shift.mlir", context()))
    assert compiled(x.numpy())[0].tolist() == [[0, 0], [0, 1], [2, 3], [4, 5]]
