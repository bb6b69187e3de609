"""How a compiled function is called: the types of its arguments and results."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lut_opt.backends.errors import JitError
from lut_opt.backends.execute.lowering import bindings, element_dtype

_WORD = 8


@dataclass(frozen=True)
class Value:
    """The type of an argument or result; `shape` is None for a scalar, −1 is a dynamic size."""

    text: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...] | None
    by_reference: bool = False

    @property
    def size(self) -> int:
        """Bytes of the C value: a scalar, or two pointers, offset, sizes and strides."""
        return self.dtype.itemsize if self.shape is None else _WORD * (3 + 2 * len(self.shape))

    @property
    def alignment(self) -> int:
        """Alignment of the C value in bytes."""
        return self.dtype.itemsize if self.shape is None else _WORD


@dataclass(frozen=True)
class Signature:
    """Argument and result types of one function."""

    arguments: tuple[Value, ...]
    results: tuple[Value, ...]

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Byte offset of each result in the returned struct; the last number is its size."""
        offsets: list[int] = []
        end = 0
        for value in self.results:
            end += -end % value.alignment
            offsets.append(end)
            end += value.size
        return (*offsets, end)


def signature_of(function: Any) -> Signature:
    """The types of a `func.func` on tensors, memrefs and scalars; `JitError` for any other."""
    name = name_of(function)
    kind = function.attributes["function_type"].value
    return Signature(
        tuple(_value(t, f"argument {i} of `@{name}`") for i, t in enumerate(kind.inputs)),
        tuple(_value(t, f"result {i} of `@{name}`") for i, t in enumerate(kind.results)),
    )


def _value(kind: Any, what: str) -> Value:
    text = str(kind)
    ir = bindings("ir")
    by_reference = isinstance(kind, ir.MemRefType)
    shaped = by_reference or isinstance(kind, ir.RankedTensorType)
    dtype = element_dtype(str(kind.element_type) if shaped else text)
    if dtype is None or (by_reference and ("strided" in text or "affine_map" in text)):
        raise JitError(
            f"{what} is `{text}`; the JIT passes i1, i8, i16, i32, i64, index, f16, f32, f64 and "
            "ranked tensors and memrefs of them with the default layout"
        )
    if not shaped:
        return Value(text, np.dtype(dtype), None)
    shape = tuple(
        -1 if kind.is_dynamic_dim(i) else int(kind.get_dim_size(i)) for i in range(kind.rank)
    )
    return Value(text, np.dtype(dtype), shape, by_reference)


def name_of(function: Any) -> str:
    """The symbol of a `func.func`."""
    return str(function.attributes["sym_name"].value)
