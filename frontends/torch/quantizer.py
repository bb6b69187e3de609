"""
Scales from PyTorch's own flow: a quantizer for torchao's PT2E, for non-linear operators only.

    exported = torch.export.export(model, inputs).module()
    prepared = prepare_pt2e(exported, NonlinearQuantizer(bits=8, method="mse"))
    prepared(*batch)                                     # calibrate
    text = export_text(convert_pt2e(prepared), *inputs)  # the lowering finds the scales

The inputs of exactly the operators of `operators.py` get a symmetric quantization with a power of
two for a scale; with `outputs=True` their results too. Other quantizers may annotate the rest of
the model (`ComposableQuantizer`). Put this one first: some fuse an activation into the layer before
it, and then it has no scale of its own.

**Softmax.** What counts is the distance to the row's maximum, so a scale for the scores themselves
would waste its bits on their offset. Scores are stored in 16 bits. The scale is that at which
`bits` bits hold a distance of 16, at which exp is nothing; it grows only as far as needed to hold
the largest score and, 16 below the smallest row maximum, the place where whatever is masked or
further away saturates. The unit clips distances there, so a masked score weighs exactly zero.

**What is written out** (a softmax as exp, sum and division, a norm as mean and square root) is
found whole by `calibrate` and by `qat.prepare`, not here: its parts get a quantization each, which
may cost the signal, and a warning says where.
"""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import GraphModule, Node

from lut_opt.dialects.quantization import covering_scale
from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.calibration import (
    BITS,
    Bits,
    CalibrationError,
    Method,
    check_options,
    width_of,
)
from lut_opt.frontends.torch.graph import is_non_linear, operator_name
from lut_opt.frontends.torch.histogram import Histogram, least_squares_scale
from lut_opt.frontends.torch.notices import ExportWarning
from lut_opt.frontends.torch.observed import is_masked, parameter
from lut_opt.frontends.torch.opening import open_composites
from lut_opt.frontends.torch.sources import source

_observer: Any = importlib.import_module("torchao.quantization.pt2e.observer")
_quantizer: Any = importlib.import_module("torchao.quantization.pt2e.quantizer")

_REACH = 16.0
"""Distance at which exp is nothing."""

_LOG_DISTANCE_BITS = 11
"""Log-softmax is as exact as its scores, here 2^-7."""

_ANNOTATION = "quantization_annotation"

_SIGNED = {8: torch.int8, 16: torch.int16}

_UNSIGNED = {8: torch.uint8, 16: torch.uint16}


_ROOTS = ("rsqrt", "sqrt")

_SHIFTS = ("add.Tensor", "clamp", "clamp_min")
"""What may stand between a mean of squares and its root."""

_MEANS = ("mean.dim", "var.correction", "var.dim")


class PowerOfTwoObserver(_observer.ObserverBase):
    """
    Counts what it sees, and takes the smallest power of two that covers it, or clips.

    `forward` returns its input. The zero point is 0; `headroom` bits of the storage stay free.
    """

    qscheme = torch.per_tensor_symmetric

    def __init__(
        self,
        dtype: torch.dtype = torch.int8,
        method: Method = "minmax",
        headroom: int = 0,
        quant_min: int | None = None,
        quant_max: int | None = None,
        qscheme: torch.qscheme | None = None,
        is_dynamic: bool = False,
    ) -> None:
        _observer.ObserverBase.__init__(self, dtype, is_dynamic)
        limits = torch.iinfo(dtype)
        self.method: Method = method
        self.headroom = headroom
        self.bits = limits.bits
        self.quant_min = limits.min if quant_min is None else quant_min
        self.quant_max = limits.max if quant_max is None else quant_max
        self.histogram = Histogram()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Count the elements of a tensor of any shape."""
        values = x.detach().to(torch.float64).cpu().numpy()
        if not np.isfinite(values).all():
            raise CalibrationError(
                "a non-linear operator's tensor holds NaN or infinity, which no scale covers"
            )
        self.histogram.add(self.counted(values))
        return x

    def counted(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Which of the values say something about the scale: all of them."""
        return values

    def calculate_qparams(self, **_: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and zero point, one element each."""
        return torch.tensor([self.scale()]), torch.tensor([0], dtype=torch.int64)

    def scale(self) -> float:
        """The power of two. Raises `CalibrationError` if nothing was seen."""
        seen, bits, signed = self.histogram, self.bits - self.headroom, self.quant_min < 0
        if not seen.total:
            raise CalibrationError("no value was seen; run the prepared model on some batches")
        scale = covering_scale(seen.minimum, seen.maximum, bits, signed)
        if self.method == "minmax":
            return scale
        return least_squares_scale(seen, scale, bits, signed=signed)


class DomainObserver(PowerOfTwoObserver):
    """For an operator that is not defined everywhere: stores nothing outside of what was seen."""

    def __init__(self, operator: str, constant: float | None, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.operator, self.constant = operator, constant

    def counted(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What has a finite result."""
        return values[operators.is_defined(self.operator, values, self.constant)]

    def scale(self) -> float:
        """The power of two that covers what was seen; the storage's limits follow it."""
        seen = self.histogram
        if not seen.total:
            raise CalibrationError("no value was seen; run the prepared model on some batches")
        scale = covering_scale(seen.minimum, seen.maximum, self.bits, self.quant_min < 0)
        low, high = round(seen.minimum / scale), round(seen.maximum / scale)
        if low == 0 and not operators.is_defined(self.operator, np.zeros(1), self.constant)[0]:
            low = 1
        self.quant_min, self.quant_max = low, max(high, low + 1)
        return scale


class SoftmaxObserver(PowerOfTwoObserver):
    """
    Chooses a scale for scores by their distance to the row's maximum; see the module's docstring.

    `distance_bits` bits hold a distance of 16. `axis` is the softmax's.
    """

    def __init__(self, axis: int, distance_bits: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.axis, self.distance_bits = axis, distance_bits
        self.largest, self.least_maximum = -math.inf, math.inf

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Look at the maximum of each row that is not masked altogether."""
        if torch.isnan(x).any() or (x == math.inf).any():
            raise CalibrationError("the input of a softmax holds NaN or infinity")
        top = x.detach().amax(self.axis)
        top = top[~is_masked(top)]
        if top.numel():
            self.largest = max(self.largest, float(top.max()))
            self.least_maximum = min(self.least_maximum, float(top.min()))
        return x

    def scale(self) -> float:
        """The power of two."""
        if self.largest == -math.inf:
            raise CalibrationError("no row was seen; run the prepared model on some batches")
        finest = math.ldexp(_REACH, -self.distance_bits)
        return max(finest, covering_scale(self.least_maximum - _REACH, self.largest, self.bits))


class NonlinearQuantizer(_quantizer.Quantizer):
    """
    Annotates the non-linear operators of an exported model.

    `bits` is 8 or 16, for all or by operator or layer as in `calibrate`. For softmax it is the
    width of the distances, of which 12 count; norms take 16, one of them headroom, unless they are
    named. `method` is that of `calibrate`. With `outputs`, the results are quantized, too. Raises
    ValueError for other options.
    """

    def __init__(
        self, bits: Bits = BITS, method: Method = "minmax", *, outputs: bool = False
    ) -> None:
        check_options(method, bits)
        for width in bits.values() if isinstance(bits, Mapping) else (bits,):
            if width not in _SIGNED:
                raise ValueError(f"bits is {width}; PyTorch stores 8 or 16 bits")
        self.bits = bits
        self.method: Method = method
        self.outputs = outputs

    def transform_for_annotation(self, model: GraphModule) -> GraphModule:
        """Open what contains a non-linear operator, so that this can be annotated."""
        open_composites(model)
        return model

    def annotate(self, model: GraphModule) -> GraphModule:
        """Put a specification on the inputs of every non-linear operator that has none yet."""
        reached: set[Node] = set()
        for node in model.graph.nodes:
            if node.op == "placeholder" or any(n in reached for n in node.all_input_nodes):
                reached.add(node)
            if node in reached and is_non_linear(node, reached) and _ANNOTATION not in node.meta:
                node.meta[_ANNOTATION] = self._annotation(node)
        _warn_of_parts(model)
        return model

    def validate(self, model: GraphModule) -> None:
        """Nothing that is annotated here cannot be lowered."""

    def _annotation(self, node: Node) -> Any:
        operator = operator_name(node)
        bits, named = width_of(node, self.bits)
        inputs: dict[Node, Any] = {}
        for index in _inputs(operator):
            argument = node.args[index]
            if isinstance(argument, Node):
                inputs[argument] = self._input(node, index, bits, named)
        output = None
        if self.outputs:
            unsigned = operator in ("softmax.int", "_softmax") and bits == 8
            dtype = _UNSIGNED[bits] if unsigned else _SIGNED[bits]
            output = _specification(PowerOfTwoObserver, dtype, method=self.method)
        return _quantizer.QuantizationAnnotation(
            input_qspec_map=inputs,
            output_qspec=output,
            allow_implicit_sharing=False,
            _annotated=True,
        )

    def _input(self, node: Node, index: int, bits: int, named: bool) -> Any:
        operator, constant = operator_name(node), parameter(node)
        if operator in operators.SOFTMAX:
            distance = _LOG_DISTANCE_BITS if "log" in operator else min(bits, 12)
            return _specification(
                SoftmaxObserver, torch.int16, axis=node.args[1], distance_bits=distance
            )
        if operator in operators.NORMS:
            dtype = _SIGNED[bits if named else 16]
            return _specification(PowerOfTwoObserver, dtype, method=self.method, headroom=1)
        divides = operator != operators.DIVISION or index == 1
        if divides and operators.is_restricted(operator, constant):
            positive = not operators.is_defined(operator, -np.ones(1), constant)[0]
            dtype = _UNSIGNED[bits] if positive and bits == 8 else _SIGNED[bits]
            return _specification(DomainObserver, dtype, operator=operator, constant=constant)
        return _specification(PowerOfTwoObserver, _SIGNED[bits], method=self.method)


def _inputs(operator: str) -> tuple[int, ...]:
    """Which arguments are quantized."""
    if operator == operators.DIVISION:
        return 0, 1
    return (operators.argument(operator),)


def _specification(observer: type[PowerOfTwoObserver], dtype: torch.dtype, **options: Any) -> Any:
    limits = torch.iinfo(dtype)
    return _quantizer.QuantizationSpec(
        dtype=dtype,
        observer_or_fake_quant_ctr=cast(Any, observer).with_args(**options),
        quant_min=limits.min,
        quant_max=limits.max,
        qscheme=torch.per_tensor_symmetric,
    )


def _warn_of_parts(model: GraphModule) -> None:
    """Name each softmax and norm that is written out, once for a line."""
    said: set[tuple[str, str]] = set()
    for node in model.graph.nodes:
        if (whole := _written_out(node)) is None:
            continue
        where = source(node)
        place = f"{where[0]}:{where[1]}: " if where else ""
        if (place, whole) not in said:
            said.add((place, whole))
            warnings.warn(
                f"{place}`{operator_name(node)}` is part of a {whole} that is written out, whose "
                "parts are quantized one by one here, which may cost the signal: use "
                f"lut_opt.frontends.torch.calibrate or qat, which find it whole, or the {whole} of "
                "torch.nn.functional",
                ExportWarning,
                stacklevel=2,
            )


def _written_out(node: Node) -> str | None:
    """What a node is the exponential or the root of."""
    name = operator_name(node)
    if name == "exp" and any(operator_name(user) == "sum.dim_IntList" for user in node.users):
        return "softmax"
    if name not in _ROOTS:
        return None
    behind = node.all_input_nodes[0]
    while operator_name(behind) in _SHIFTS:
        behind = behind.all_input_nodes[0]
    return "norm" if operator_name(behind) in _MEANS else None
