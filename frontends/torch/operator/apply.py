"""The module of a `pwl.apply`: quantize, look up, dequantize."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from lut_opt.frontends.torch.operator.elementwise import Dense
from lut_opt.frontends.torch.operator.quantizer import Quantizer
from lut_opt.frontends.torch.operator.scale import Scale
from lut_opt.frontends.torch.operator.tabulated import Applied, Slope
from lut_opt.frontends.torch.operator.wide import Wide
from lut_opt.frontends.torch.operator.wide_reduced import WideReduced
from lut_opt.frontends.torch.operator.window import check_window

MAX_DENSE_BITS = 16
"""Widest input whose results are all tabulated."""


class Apply(nn.Module):
    """
    A function through its table, on reals: as x, so is the result in the function's own units.

    `applied` has one entry for each scale of the window, of the same stored integers; `slope` says
    which derivative is passed backward. Raises ValueError where they do not fit together.
    """

    def __init__(
        self, applied: Sequence[Applied], scale: Scale | None = None, slope: Slope = "function"
    ) -> None:
        super().__init__()
        check_window([each.operand for each in applied], scale)
        self.applied = tuple(applied)
        self.quantizer = Quantizer(applied[0].operand, scale)
        self.tables = _tables(applied, slope)

    def forward(self, x: Tensor) -> Tensor:
        """The function of x, of any shape."""
        real, step = self.quantizer(x)
        return self.tables(real, step.size, step.octave)


def _tables(applied: Sequence[Applied], slope: Slope) -> nn.Module:
    if applied[0].operand.bits <= MAX_DENSE_BITS:
        return Dense(applied, slope)
    return Wide(applied, slope) if applied[0].reduced is None else WideReduced(applied)
