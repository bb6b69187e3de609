"""Code on vectors of integers, made with the bindings of MLIR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lut_opt.backends.execute.lowering import bindings


def splat(value: Any) -> int | None:
    """The constant that every lane of a vector is, None for any other value."""
    ir = bindings("ir")
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    if not isinstance(attribute, ir.DenseIntElementsAttr) or not attribute.is_splat:
        return None
    return int(ir.IntegerAttr(attribute.get_splat_value()).value)


def lanes(kind: Any) -> tuple[int, int] | None:
    """Lanes and bits of a vector of integers with one axis, None for any other type."""
    ir = bindings("ir")
    if not isinstance(kind, ir.VectorType) or kind.rank != 1 or kind.scalable:
        return None
    element = kind.element_type
    return (kind.shape[0], element.width) if isinstance(element, ir.IntegerType) else None


def name(value: Any) -> str:
    """The op that makes a value, empty for an argument."""
    ir = bindings("ir")
    # A view of an op may have a name of another kind: the symbol that it refers to.
    return "" if isinstance(value.owner, ir.Block) else value.owner.operation.name


class Code:
    """Puts operations before another one."""

    def __init__(self, before: Any) -> None:
        self._ir = bindings("ir")
        self._before = before

    def op(self, name: str, operands: Sequence[Any], shape: tuple[int, int], **more: Any) -> Any:
        """The result, of so many lanes and bits, of an op with attributes."""
        return self.shaped(name, operands, shape[:1], shape[1], **more)

    def shaped(
        self, name: str, operands: Sequence[Any], shape: Sequence[int], bits: int, **more: Any
    ) -> Any:
        """The same of a vector with several axes, or of a number with none."""
        ir = self._ir
        with self._before.location, ir.InsertionPoint(self._before):
            element = ir.IntegerType.get_signless(bits)
            kind = ir.VectorType.get(list(shape), element) if shape else element
            made = ir.Operation.create(name, [kind], list(operands), attributes=more)
        return made.result

    def extract(self, value: Any, position: Sequence[int]) -> Any:
        """A part of a vector with several axes."""
        ir, kind = self._ir, value.type
        with self._before.context:
            place = ir.DenseI64ArrayAttr.get(list(position))
        shape, bits = kind.shape[len(position) :], kind.element_type.width
        return self.shaped("vector.extract", [value], shape, bits, static_position=place)

    def constant(self, values: Any, bits: int) -> Any:
        """A vector of constants, an array of integers that fit."""
        ir = self._ir
        with self._before.location, ir.InsertionPoint(self._before):
            kind = ir.VectorType.get([len(values)], ir.IntegerType.get_signless(bits))
            array = np.ascontiguousarray(values, f"int{bits}")
            value = ir.DenseElementsAttr.get(array, type=kind)
        return self.op("arith.constant", [], (len(values), bits), value=value)

    def compare(self, predicate: int, left: Any, bound: int) -> Any:
        """All ones where lanes compare so with a constant, as wide as they are."""
        count, bits = lanes(left.type) or (0, 0)
        half = 1 << (bits - 1)
        right = self.constant(np.full(count, (bound + half) % (2 * half) - half), bits)
        with self._before.context:
            code = self._ir.IntegerAttr.get(self._ir.IntegerType.get_signless(64), predicate)
        here = self.op("arith.cmpi", [left, right], (count, 1), predicate=code)
        return self.op("arith.extsi", [here], (count, bits))

    def cast(self, value: Any, bits: int) -> Any:
        """The same bits as lanes of another width."""
        count, width = lanes(value.type) or (0, 0)
        return self.op("vector.bitcast", [value], (count * width // bits, bits))

    def shuffle(self, a: Any, b: Any, mask: Sequence[int]) -> Any:
        """Lanes of two vectors of one type in another order."""
        with self._before.context:
            order = self._ir.DenseI64ArrayAttr.get(list(mask))
        _, bits = lanes(a.type) or (0, 0)
        return self.op("vector.shuffle", [a, b], (len(mask), bits), mask=order)

    def intrinsic(self, name: str, operands: Sequence[Any], shape: tuple[int, int]) -> Any:
        """What an intrinsic of LLVM gives."""
        ir = self._ir
        with self._before.context:
            attributes = {
                "intrin": ir.StringAttr.get(name),
                "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(operands), 0]),
                "op_bundle_sizes": ir.DenseI32ArrayAttr.get([]),
            }
        return self.op("llvm.call_intrinsic", operands, shape, **attributes)
