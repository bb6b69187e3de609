"""
A quantizer for whole networks in integers: every linear operator and every non-linear one.

    exported = torch.export.export(model, inputs).module()
    prepared = prepare_pt2e(exported, IntegerQuantizer())
    prepared(*batch)                                     # calibrate
    text = export_text(convert_pt2e(prepared), *inputs)  # then --convert-quantized-to-integer

What products read is stored in `bits`, weights in 8 with a scale for each channel. A sum is not
rounded before its reader does that, so only one that several read, a residual stream, is stored,
in 16 bits; so are results of norms, factors, and what is averaged. What products read has the scale
and zero point of least error, weights any scale; with `power_of_two` all scales are powers of two,
which saves the multipliers of requantizations and costs accuracy. Functions, and all that is stored
in 16 bits, have powers of two always.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import torch
from torch.fx import GraphModule, Node

from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.calibration import BITS, Bits, Method, width_of
from lut_opt.frontends.torch.graph import operator_name
from lut_opt.frontends.torch.quantizer import (
    NonlinearQuantizer,
    PowerOfTwoObserver,
)

_observer: Any = importlib.import_module("torchao.quantization.pt2e.observer")
_quantizer: Any = importlib.import_module("torchao.quantization.pt2e.quantizer")

_ANNOTATION = "quantization_annotation"

_WEIGHTED = frozenset(("linear", "conv1d", "conv2d", "conv3d", "conv1d.padding", "conv2d.padding"))
"""Operand 1 holds a row of weights for each output channel."""

_PRODUCTS = frozenset(("matmul", "bmm", "mm"))

_SUMS = frozenset(("add.Tensor", "add_.Tensor", "sub.Tensor", "sub_.Tensor"))

_WIDE = frozenset(
    """
    mul.Tensor mean.dim sum.dim_IntList avg_pool1d avg_pool2d adaptive_avg_pool1d
    adaptive_avg_pool2d cat
    """.split()
)
"""What reads 16 bits: one rounding of what comes before is all that is lost."""

_NARROW = frozenset(
    """
    max_pool1d max_pool2d upsample_bilinear2d.vec upsample_bilinear2d upsample_nearest2d.vec
    """.split()
)

_WIDE_BITS = 16

_SIGNED = {8: torch.int8, 16: torch.int16}


class PowerOfTwoChannelObserver(_observer.PerChannelMinMaxObserver):
    """Each channel's least power of two that covers its weights."""

    def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scales and zero points, one for each channel."""
        scale, zero = _observer.PerChannelMinMaxObserver.calculate_qparams(self)
        exponent = torch.ceil(torch.log2(scale.double())).to(torch.int64)
        return torch.ldexp(torch.ones_like(scale), exponent), zero


class IntegerQuantizer(NonlinearQuantizer):
    """
    Annotates a whole exported model; see the module's docstring.

    `bits` (8 or 16) and `method` are those of `calibrate`, and hold for what products read as for
    inputs of functions; layers and operators may be named (`{"gelu": 16, "*": 8}`).
    """

    def __init__(
        self,
        bits: Bits = BITS,
        method: Method = "minmax",
        *,
        power_of_two: bool = False,
    ) -> None:
        super().__init__(bits, method)
        self.power_of_two = power_of_two

    def annotate(self, model: GraphModule) -> GraphModule:
        """Put specifications on what products, functions and sums read."""
        normalized = [self._normalization(n) for n in model.graph.nodes if _is_length(n)]
        super().annotate(model)
        for node in filter(None, normalized):
            self._store(node)
        reached: set[Node] = set()
        for node in model.graph.nodes:
            if node.op == "placeholder" or any(n in reached for n in node.all_input_nodes):
                reached.add(node)
            name = operator_name(node)
            if name == "embedding":
                self._put(node, {0: self._weights(axis=1)})
            elif node not in reached or not _is_float(node):
                continue
            elif name in operators.NORMS and not _is_length(node):
                self._store(node)
            elif _ANNOTATION not in node.meta:
                self._put(node, self._inputs(node, name, reached))
        return model

    def _normalization(self, length: Node) -> Node | None:
        """
        Leave x / |x| whole, so that it becomes one norm; the x to store, None for other lengths.

        The length may be bounded from below and expanded on its way.
        """
        chain = [length]
        while len(chain[-1].users) == 1:
            chain.append(next(iter(chain[-1].users)))
            if operator_name(chain[-1]) not in _AROUND_LENGTHS:
                break
        last, x = chain[-1], length.args[0]
        if operator_name(last) != operators.DIVISION or last.args[0] is not x:
            return None
        for node in chain:
            node.meta[_ANNOTATION] = _quantizer.QuantizationAnnotation(_annotated=True)
        return cast(Node, x)

    def _store(self, node: Node) -> None:
        """Store a result in 16 bits, once for all that read it."""
        if _ANNOTATION not in node.meta:
            node.meta[_ANNOTATION] = _quantizer.QuantizationAnnotation(_annotated=True)
        node.meta[_ANNOTATION].output_qspec = _activation(_WIDE_BITS, self.method)

    def _input(self, node: Node, index: int, bits: int, named: bool) -> Any:
        """A quotient is as exact as what is divided."""
        if operator_name(node) == operators.DIVISION and index == 0 and not named:
            return _activation(_WIDE_BITS, self.method)
        return super()._input(node, index, bits, named)

    def _inputs(self, node: Node, name: str, reached: set[Node]) -> dict[int, Any]:
        """A specification for each operand that is to be stored, by its number."""
        width, _ = width_of(node, self.bits)
        operands = [n for n, arg in enumerate(node.args) if isinstance(arg, Node)]
        values = [n for n in operands if node.args[n] in reached and _is_float(node.args[n])]
        if name in _WEIGHTED:
            return {0: self._read(node, 0, width), 1: self._weights(axis=0)}
        if name in _PRODUCTS:
            return {n: self._read(node, n, width) for n in values}
        if name in _WIDE and (name != "mul.Tensor" or len(values) > 1):
            return {n: _activation(_WIDE_BITS, self.method) for n in values}
        if name in _NARROW:
            return {n: self._read(node, n, width) for n in values}
        if name in _SUMS:
            given = [n for n in values if cast(Node, node.args[n]).op == "placeholder"]
            return {n: _activation(_WIDE_BITS, self.method) for n in given}
        return {}

    def _put(self, node: Node, inputs: Mapping[int, Any]) -> None:
        shared = operator_name(node) in _SUMS and len(node.users) > 1
        if not inputs and not shared:
            return
        node.meta[_ANNOTATION] = _quantizer.QuantizationAnnotation(
            input_qspec_map={node.args[n]: spec for n, spec in inputs.items()},
            output_qspec=_activation(_WIDE_BITS, self.method) if shared else None,
            allow_implicit_sharing=False,
            _annotated=True,
        )

    def _read(self, node: Node, index: int, width: int) -> Any:
        """Probabilities are of [0, 1], whose end may saturate."""
        operand = node.args[index]
        while isinstance(operand, Node) and operator_name(operand) in _TRANSPARENT:
            operand = operand.args[0]
        if isinstance(operand, Node) and operator_name(operand) in ("softmax.int", "_softmax"):
            return _probabilities(width)
        if self.power_of_two or width > BITS:
            return _activation(width, self.method)
        return _affine()

    def _weights(self, axis: int) -> Any:
        return _channels(axis, self.power_of_two)


_AROUND_LENGTHS = frozenset(("clamp_min", "clamp", "expand", "expand_as"))

_TRANSPARENT = frozenset(("dropout", "view", "reshape", "expand", "contiguous", "clone", "detach"))


@cache
def _activation(bits: int, method: Method) -> Any:
    dtype = _SIGNED[bits]
    limits = torch.iinfo(dtype)
    return _quantizer.QuantizationSpec(
        dtype=dtype,
        observer_or_fake_quant_ctr=cast(Any, PowerOfTwoObserver).with_args(method=method),
        quant_min=limits.min,
        quant_max=limits.max,
        qscheme=torch.per_tensor_symmetric,
    )


@cache
def _affine() -> Any:
    """Eight bits whose scale and zero point have the least squared error."""
    return _quantizer.QuantizationSpec(
        dtype=torch.int8,
        observer_or_fake_quant_ctr=_observer.HistogramObserver.with_args(eps=2.0**-30),
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
    )


@cache
def _probabilities(bits: int) -> Any:
    """Unsigned 8 bits, or as many of 16 signed ones as are not negative."""
    low, high, dtype = (0, 255, torch.uint8) if bits == 8 else (0, 32767, torch.int16)
    return _quantizer.FixedQParamsQuantizationSpec(
        dtype=dtype,
        scale=1.0 / (high + 1),
        zero_point=0,
        quant_min=low,
        quant_max=high,
        qscheme=torch.per_tensor_affine,
    )


@cache
def _channels(axis: int, power_of_two: bool) -> Any:
    observer = PowerOfTwoChannelObserver if power_of_two else _observer.PerChannelMinMaxObserver
    return _quantizer.QuantizationSpec(
        dtype=torch.int8,
        observer_or_fake_quant_ctr=cast(Any, observer).with_args(eps=2.0**-30, ch_axis=axis),
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_channel_symmetric,
        ch_axis=axis,
    )


def _is_length(node: Node) -> bool:
    return operator_name(node) == "linalg_vector_norm"


def _is_float(node: Any) -> bool:
    shown = node.meta.get("val")
    return isinstance(shown, torch.Tensor) and shown.is_floating_point()
