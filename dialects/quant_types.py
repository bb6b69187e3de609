"""
The types of the `quant` dialect: integers that stand for reals, with one scale or one a channel.

`UniformQuantizedType` has one scale and one zero point, and is what tables take and give.
`PerAxisQuantizedType` has one of each for every index of an axis, as the weights of a convolution
have; both are `!quant.uniform` in text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    BFloat16Type,
    BoolAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatData,
    IntAttr,
    IntegerType,
    f32,
)
from xdsl.ir import Attribute, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from lut_opt.dialects.quant_scale import format_scale, parse_scale
from lut_opt.dialects.quantization import Quantization, storage_range

MAX_STORAGE_BITS = 32
STORAGE_NAME = re.compile(r"([iu])([1-9][0-9]*)")

ExpressedType = Float16Type | BFloat16Type | Float32Type | Float64Type

SCALE_LIMITS: dict[type[Attribute], tuple[float, float]] = {
    Float16Type: (2.0**-24, 65504.0),
    BFloat16Type: (2.0**-133, (2 - 2.0**-7) * 2.0**127),
    Float32Type: (2.0**-149, (2 - 2.0**-23) * 2.0**127),
    Float64Type: (5e-324, (2 - 2.0**-52) * 2.0**1023),
}
"""Smallest and largest scale, as MLIR bounds it: the positive range of the expressed type."""


@dataclass(frozen=True)
class _Storage:
    """The part of a quantized type before its scales: `i8<-127:127>:f32`."""

    bits: int
    signed: bool
    minimum: int
    maximum: int
    expressed: Attribute

    @staticmethod
    def parse(parser: AttrParser) -> _Storage:
        start = parser.pos
        name = parser.parse_identifier(" for the storage type, such as i8 or u8")
        if (match := STORAGE_NAME.fullmatch(name)) is None:
            parser.raise_error(f"storage type {name} is not one of i8, u8, i16, …", start)
        signed, bits = match[1] == "i", int(match[2][:4])
        if bits > MAX_STORAGE_BITS:
            parser.raise_error(f"storage of {name} exceeds {MAX_STORAGE_BITS} bits", start)
        minimum, maximum = storage_range(bits, signed)
        if parser.parse_optional_punctuation("<") is not None:
            minimum = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(":")
            maximum = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(">")
        parser.parse_punctuation(":")
        start = parser.pos
        expressed = parser.parse_type()
        if not isinstance(expressed, ExpressedType):
            parser.raise_error(
                f"expressed type {expressed} is not one of f16, bf16, f32, f64", start
            )
        return _Storage(bits, signed, minimum, maximum, expressed)

    def print(self, printer: Printer) -> None:
        printer.print_string(f"{'i' if self.signed else 'u'}{self.bits}")
        if (self.minimum, self.maximum) != storage_range(self.bits, self.signed):
            printer.print_string(f"<{self.minimum}:{self.maximum}>")
        printer.print_string(":")
        printer.print_attribute(self.expressed)

    def verify(self) -> None:
        if not 1 <= self.bits <= MAX_STORAGE_BITS:
            raise VerifyException(
                f"storage of {self.bits} bits is not supported; take 1 to {MAX_STORAGE_BITS} bits"
            )
        low, high = storage_range(self.bits, self.signed)
        if not low <= self.minimum < self.maximum <= high:
            raise VerifyException(
                f"storage range <{self.minimum}:{self.maximum}> is not an ascending part of "
                f"[{low}, {high}]; give a smaller range or a wider storage type"
            )
        if type(self.expressed) not in SCALE_LIMITS:
            raise VerifyException(
                f"expressed type {self.expressed} is not one of f16, bf16, f32, f64; use f32"
            )

    def verify_step(self, scale: float, zero_point: int) -> None:
        """Check a scale and its zero point."""
        limits = SCALE_LIMITS[type(self.expressed)]
        if not (math.isfinite(scale) and limits[0] <= scale <= limits[1]):
            raise VerifyException(
                f"scale {scale!r} is not a positive finite number of type "
                f"{self.expressed}; give a scale from {limits[0]:.3g} to {limits[1]:.3g}"
            )
        low, high = storage_range(self.bits, self.signed)
        if not low <= zero_point <= high:
            raise VerifyException(
                f"zero point {zero_point} is outside the storage type: "
                f"[{low}, {high}]; give one inside it"
            )

    def attributes(self) -> tuple[IntAttr, BoolAttr, IntAttr, IntAttr, Attribute]:
        """The first parameters of both types."""
        return (
            IntAttr(self.bits),
            BoolAttr.from_bool(self.signed),
            IntAttr(self.minimum),
            IntAttr(self.maximum),
            self.expressed,
        )


def _parse_step(parser: AttrParser) -> tuple[float, int]:
    """A scale, and its zero point unless that is 0: `0.1:3`."""
    scale = parse_scale(parser)
    if parser.parse_optional_punctuation(":") is None:
        return scale, 0
    return scale, parser.parse_integer(allow_boolean=False)


def _print_step(printer: Printer, scale: float, zero_point: int) -> None:
    printer.print_string(format_scale(scale))
    if zero_point:
        printer.print_string(f":{zero_point}")


class QuantizedType(ParametrizedAttribute, TypeAttribute):
    """An integer in `[storage_min, storage_max]` that stands for a real."""

    storage_bits: IntAttr
    storage_signed: BoolAttr
    storage_min: IntAttr
    storage_max: IntAttr
    expressed_type: Attribute

    @property
    def storage_type(self) -> IntegerType:
        """The signless integer type of the stored bits, as `quant.scast` and `arith` want it."""
        return IntegerType(self.storage_bits.data)

    @property
    def _storage(self) -> _Storage:
        return _Storage(
            self.storage_bits.data,
            bool(self.storage_signed),
            self.storage_min.data,
            self.storage_max.data,
            self.expressed_type,
        )


@irdl_attr_definition
class PerAxisQuantizedType(QuantizedType):
    """
    An integer `q` at index `i` of an axis, that stands for `scales[i] · (q − zero_points[i])`.

    Example: `!quant.uniform<i8<-127:127>:f32:1, {1.000000e-01,2.000000e-01:3}>` along axis 1.
    """

    name = "quant.uniform"

    axis: IntAttr
    scales: ArrayAttr[FloatData]
    zero_points: ArrayAttr[IntAttr]

    def verify(self) -> None:
        storage = self._storage
        storage.verify()
        if self.axis.data < 0:
            raise VerifyException(f"axis {self.axis.data} of the scales is negative; count from 0")
        if not self.scales.data or len(self.scales) != len(self.zero_points):
            raise VerifyException("there must be one zero point for each scale, and at least one")
        for scale, zero_point in zip(self.scales, self.zero_points, strict=True):
            storage.verify_step(scale.data, zero_point.data)

    def verify_shape(self, shape: Sequence[int] | None) -> None:
        """Check that a tensor has the axis, of as many elements as there are scales."""
        axis, count = self.axis.data, len(self.scales)
        if shape is None or not axis < len(shape):
            raise VerifyException(
                f"{self} has a scale for each index of axis {axis}; give the tensor that axis"
            )
        if shape[axis] not in (count, -1):
            raise VerifyException(
                f"{self} has {count} scales for the {shape[axis]} elements of axis {axis}; "
                "give one for each"
            )

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            self._storage.print(printer)
            printer.print_string(f":{self.axis.data}, {{")
            steps = zip(self.scales, self.zero_points, strict=True)
            for number, (scale, zero_point) in enumerate(steps):
                printer.print_string("," if number else "")
                _print_step(printer, scale.data, zero_point.data)
            printer.print_string("}")


@irdl_attr_definition
class UniformQuantizedType(QuantizedType):
    """
    An integer `q` in `[storage_min, storage_max]` that stands for `scale · (q − zero_point)`.

    Examples: `!quant.uniform<i8:f32, 3.125000e-02>`, `!quant.uniform<u8:f32, 1.000000e-01:128>`,
    `!quant.uniform<i8<-127:127>:f32, 5.000000e-01>`.
    """

    name = "quant.uniform"

    scale_data: FloatData
    zero_point_data: IntAttr

    def __init__(
        self,
        bits: int,
        scale: float,
        zero_point: int = 0,
        *,
        signed: bool = True,
        expressed_type: AnyFloat = f32,
        minimum: int | None = None,
        maximum: int | None = None,
    ):
        low, high = storage_range(bits, signed) if 1 <= bits <= MAX_STORAGE_BITS else (0, 0)
        super().__init__(
            IntAttr(bits),
            BoolAttr.from_bool(signed),
            IntAttr(low if minimum is None else minimum),
            IntAttr(high if maximum is None else maximum),
            expressed_type,
            FloatData(scale),
            IntAttr(zero_point),
        )

    @property
    def scale(self) -> float:
        """The real value of one storage step."""
        return self.scale_data.data

    @property
    def zero_point(self) -> int:
        """The stored integer that stands for 0.0."""
        return self.zero_point_data.data

    @property
    def quantization(self) -> Quantization:
        """The same facts as plain numbers."""
        return Quantization(
            bits=self.storage_bits.data,
            signed=bool(self.storage_signed),
            scale=self.scale,
            zero_point=self.zero_point,
            minimum=self.storage_min.data,
            maximum=self.storage_max.data,
        )

    @staticmethod
    def from_quantization(
        quantization: Quantization, expressed_type: AnyFloat = f32
    ) -> UniformQuantizedType:
        """The type of values that are stored as `quantization` says."""
        return UniformQuantizedType(
            quantization.bits,
            quantization.scale,
            quantization.zero_point,
            signed=quantization.signed,
            expressed_type=expressed_type,
            minimum=quantization.minimum,
            maximum=quantization.maximum,
        )

    def verify(self) -> None:
        self._storage.verify()
        self._storage.verify_step(self.scale, self.zero_point)

    @classmethod
    def new(cls, params: Sequence[Attribute]) -> Any:
        """A parser's parameters with a list of scales make the type that has one a channel."""
        if any(isinstance(param, ArrayAttr) for param in params):
            return PerAxisQuantizedType.new(params)
        return super().new(params)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            storage = _Storage.parse(parser)
            if parser.parse_optional_punctuation(":") is None:
                parser.parse_punctuation(",")
                scale, zero_point = _parse_step(parser)
                return (*storage.attributes(), FloatData(scale), IntAttr(zero_point))
            start = parser.pos
            if parser.parse_optional_punctuation("{") is not None:
                parser.raise_error(
                    "scales of blocks are not supported; give one a tensor or one a channel", start
                )
            axis = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            steps = parser.parse_comma_separated_list(
                parser.Delimiter.BRACES, lambda: _parse_step(parser)
            )
        return (
            *storage.attributes(),
            IntAttr(axis),
            ArrayAttr([FloatData(scale) for scale, _ in steps]),
            ArrayAttr([IntAttr(zero_point) for _, zero_point in steps]),
        )

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            self._storage.print(printer)
            printer.print_string(", ")
            _print_step(printer, self.scale, self.zero_point)
