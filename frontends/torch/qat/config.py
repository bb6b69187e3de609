"""What a user can choose about quantization-aware training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lut_opt.frontends.torch.calibration import BITS, Bits, Method
from lut_opt.frontends.torch.operator import Slope
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass


class QatError(ValueError):
    """What cannot be trained or deployed, at which operator, and what to do about it."""


@dataclass(frozen=True)
class Config:
    """How a model is prepared; the passes' own options say which tables it gets."""

    lowering: LowerNonlinearToPwlPass = field(default_factory=LowerNonlinearToPwlPass)
    """How operators become units, with which storage."""
    search: PwlSearchPass = field(default_factory=PwlSearchPass)
    """How tables are found, for every scale of each window."""
    octaves: int = 2
    """How many octaves a scale may move from where calibration puts it, up and down; 0: none."""
    slope: Slope = "function"
    """The derivative that is passed backward: the function's, or that of the table's segment."""
    method: Method = "minmax"
    """How calibration chooses a scale, as in `calibrate`."""
    bits: Bits = BITS
    """Widths that calibration names, as in `calibrate`."""
    quantizer: Any = None
    """
    A quantizer of torchao's PT2E for the linear layers; None leaves those in floating point. Where
    it puts observers, as `IntegerQuantizer` does, their scales are learnt.
    """
    dynamic_shapes: Any = None
    """As for `torch.export`; without it a model takes batches of the example's size."""

    def __post_init__(self) -> None:
        if not 0 <= self.octaves <= 8:
            raise ValueError(f"octaves must be from 0 to 8, got {self.octaves}")
