"""The tables of a unit at every scale of its window: the search's own, on copies of the unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import AnyFloat, FunctionType, IntegerAttr, ModuleOp, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region

from lut_opt.dialects.pwl import ApplyOp, DivideOp, NormOp, RowExponentialsOp, UnitOp
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.quant import (
    UniformQuantizedType,
    element_type,
    quantized_like,
    with_element_type,
)
from lut_opt.dialects.quantization import Quantization, exact_log2
from lut_opt.frontends.torch.notices import quiet
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.quantize.units import clip_distance
from lut_opt.passes.tabulate.table_search import TableSearch

Unit = ApplyOp | UnitOp

HEADROOM = 2.0
"""How much γ and β may grow while they are trained."""

_WIDE = 16
"""Bits of γ and β above which storage has headroom anyway."""


@dataclass(frozen=True)
class Window:
    """A unit with its tables at neighbouring scales, ascending, and which was calibrated."""

    units: tuple[Unit, ...]
    start: int

    def __deepcopy__(self, memo: object) -> Window:
        """Itself: a copy of a model has the same tables."""
        return self

    @property
    def scales(self) -> list[float]:
        """The scales of the input."""
        return [unit.input_quantization.scale for unit in self.units]

    @property
    def is_lossy(self) -> bool:
        """Whether the table at the calibrated scale loses all of its signal."""
        unit = self.units[self.start]
        fit = unit.fit if isinstance(unit, ApplyOp) else None
        return fit is not None and fit.data.snr is not None and fit.data.snr <= 0


def windows(
    module: ModuleOp, units: Sequence[Unit], octaves: int, search: PwlSearchPass
) -> list[Window]:
    """
    The windows of some units of a module, searched.

    A window holds those of the scales up to `octaves` away at which the function is defined.
    """
    copies = [_copies(unit, octaves) for unit in units]
    # The functions that units name come along; the units themselves are searched as copies.
    named = [op.clone() for op in module.ops if isinstance(op, FuncOp) and not _holds(op, units)]
    bodies = [
        _alone(copy, f"unit_{i}_{j}")
        for i, (made, _) in enumerate(copies)
        for j, copy in enumerate(made)
    ]
    # A scale that loses the signal is one that training leaves: nothing to warn of.
    with quiet():
        lenient = replace(search, allow_lossy=True)
        TableSearch(lenient).search(ModuleOp([*named, *bodies]), search.name)
    return [Window(tuple(made), start) for made, start in copies]


def _holds(function: FuncOp, units: Sequence[Unit]) -> bool:
    return any(op in units for op in function.walk())


def _copies(unit: Unit, octaves: int) -> tuple[list[Unit], int]:
    scale = unit.input_quantization.scale
    if isinstance(unit, DivideOp) or exact_log2(scale) is None:
        # A division's table serves all scales.
        octaves = 0
    below = [e for e in range(-octaves, 0) if _is_defined(unit, scale * 2.0**e)]
    above = [e for e in range(1, octaves + 1) if _is_defined(unit, scale * 2.0**e)]
    exponents = [*_run(below[::-1], -1)[::-1], 0, *_run(above, 1)]
    growing = {} if not isinstance(unit, NormOp) else _grown(unit)
    copies = [at_scales(unit, {**growing, 0: scale * 2.0**e}) for e in exponents]
    return copies, exponents.index(0)


def _run(exponents: list[int], step: int) -> list[int]:
    """As many as follow each other from the first octave on."""
    return [e for place, e in enumerate(exponents) if e == step * (place + 1)]


def _is_defined(unit: Unit, scale: float) -> bool:
    """Whether a function has a value at every stored input of a plain table."""
    if not isinstance(unit, ApplyOp) or unit.reduce is not None:
        return True
    operand = resized(unit.input_quantization, scale)
    return bool(real_function(unit).is_defined(operand.dequantize(operand.values)).all())


def _alone(unit: Unit, name: str) -> FuncOp:
    """A function that holds a unit and nothing else; the unit's operands become its arguments."""
    kinds = [value.type for value in unit.operands]
    block = Block(arg_types=kinds)
    for place, argument in enumerate(block.args):
        unit.operands[place] = argument
    block.add_ops([unit, ReturnOp(*unit.results)])
    kind = FunctionType.from_lists(kinds, [result.type for result in unit.results])
    return FuncOp(name, kind, Region(block))


def at_scales(unit: Unit, scales: Mapping[int, float]) -> Unit:
    """A detached copy of a unit whose operands, by their numbers, have other scales."""
    kinds = [_kind(unit, place, scales.get(place)) for place in range(len(unit.operands))]
    block = Block(arg_types=kinds)
    copy = unit.clone(dict(zip(unit.operands, block.args, strict=True)))
    if isinstance(copy, RowExponentialsOp) and 0 in scales and isinstance(unit, RowExponentialsOp):
        bits = (-unit.clip.value.data).bit_length()
        clip = clip_distance(copy.input_quantization, bits)
        copy.properties["clip"] = IntegerAttr(clip, i64)
    return copy


def _kind(unit: Unit, place: int, scale: float | None) -> Attribute:
    kind = unit.operands[place].type
    element = element_type(kind)
    if scale is None or not isinstance(element, UniformQuantizedType):
        return kind
    return quantized_like(expressed(kind), resized(element.quantization, scale))


def expressed(kind: Attribute) -> Attribute:
    """The type of the reals that a quantized type stands for."""
    element = element_type(kind)
    assert isinstance(element, UniformQuantizedType)
    assert isinstance(element.expressed_type, AnyFloat)
    return with_element_type(kind, element.expressed_type)


def _grown(unit: NormOp) -> dict[int, float]:
    """Scales of γ and β with headroom, by their numbers among the operands."""
    kinds = {place: element_type(value.type) for place, value in enumerate(unit.operands)}
    return {
        place: kind.quantization.scale * HEADROOM
        for place, kind in kinds.items()
        if place and isinstance(kind, UniformQuantizedType) and kind.quantization.bits <= _WIDE
    }


def resized(storage: Quantization, scale: float) -> Quantization:
    """The same integers at another scale."""
    bounds = storage.zero_point, storage.minimum, storage.maximum
    return Quantization(storage.bits, storage.signed, scale, *bounds)


def neighbours(scale: float, octaves: int) -> tuple[list[float], int]:
    """The scales of a window around one, and the place of that one; itself if no power of two."""
    if exact_log2(scale) is None:
        return [scale], 0
    return [math.ldexp(scale, e) for e in range(-octaves, octaves + 1)], octaves
