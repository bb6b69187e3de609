"""What modules of whole rows share: quantize, bring the row's axes to the end, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from lut_opt.dialects.pwl.units import MAX_ROW, Rowwise, Unit
from lut_opt.dialects.quantization import Integers
from lut_opt.frontends.torch.operator.quantizer import Quantizer
from lut_opt.frontends.torch.operator.scale import Scale
from lut_opt.frontends.torch.operator.window import check_window, only


class RowModule(nn.Module, ABC):
    """
    A unit whose results depend on a whole row, on reals.

    `units` has one for each scale of the window; a row spans `axes`, as in `Unit.evaluate`. Raises
    ValueError where the units do not fit together, and for rows that are too long.
    """

    def __init__(self, units: Sequence[Rowwise], scale: Scale | None, axes: Sequence[int]) -> None:
        super().__init__()
        for unit in units:
            unit.check()
            for name in unit.table_names():
                unit.check_table(name)
        check_window([unit.operand for unit in units], scale)
        only("result", [unit.result for unit in units])
        self.units = tuple(units)
        self.axes = tuple(axes)
        self.quantizer = Quantizer(units[0].operand, scale)

    def forward(self, x: Tensor) -> Tensor:
        """The unit's results, in the shape of x."""
        if not x.numel():
            return x.clone()
        last = tuple(range(-len(self.axes), 0))
        moved = x.movedim(self.axes, last)
        rows = moved.flatten(x.dim() - len(self.axes)).contiguous()
        if rows.shape[-1] > MAX_ROW:
            raise ValueError(f"rows of {rows.shape[-1]} elements are longer than {MAX_ROW}")
        real, step = self.quantizer(rows)
        return self.rows(real, step.size, step.octave).view(moved.shape).movedim(last, self.axes)

    @abstractmethod
    def rows(self, x: Tensor, step: Tensor, octave: Tensor) -> Tensor:
        """Results of rows along the last axis, which are on the grid of the step."""


def dense(unit: Unit, name: str) -> Integers:
    """A table of a unit at all its stored inputs, ascending."""
    return unit.look_up(name, unit.parts[name].operand.values)
