"""What a caller gives to a compiled function, checked against its signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lut_opt.backends.errors import JitError
from lut_opt.backends.execute.signature import Signature, Value

Array = NDArray[Any]


def checked_all(
    name: str, signatures: Mapping[str, Signature], arguments: tuple[Any, ...]
) -> list[Array]:
    """The arguments of the function `@name` as arrays of exactly the declared types."""
    signature = signatures.get(name)
    if signature is None:
        raise JitError(f"no function `@{name}`; the module has {listed(signatures)}")
    if len(arguments) != len(signature.arguments):
        expected = ", ".join(v.text for v in signature.arguments)
        raise JitError(
            f"`@{name}` takes {len(signature.arguments)} arguments ({expected}), "
            f"{len(arguments)} were given"
        )
    return [
        checked(argument, value, f"argument {i} of `@{name}`")
        for i, (argument, value) in enumerate(zip(arguments, signature.arguments, strict=True))
    ]


def checked(argument: Any, value: Value, what: str) -> Array:
    """The argument as a C-contiguous array of exactly the declared type."""
    if value.shape is None:
        return _scalar(argument, value, what)
    if value.by_reference and not isinstance(argument, np.ndarray):
        raise JitError(f"{what} is a `{type(argument).__name__}`; {value.text} needs a NumPy array")
    array = _array(argument)
    unsigned = array.dtype.kind == "u" and value.dtype.kind == "i"
    if unsigned and array.dtype.itemsize == value.dtype.itemsize:
        array = array.view(value.dtype)
    if array.dtype != value.dtype:
        raise JitError(
            f"{what} has dtype {array.dtype}, {value.text} needs {value.dtype}; convert it with "
            f"`.astype(np.{value.dtype})` if that is meant"
        )
    if array.shape != value.shape and not _fits(array.shape, value.shape):
        raise JitError(f"{what} has shape {array.shape}, which is not that of {value.text}")
    if value.by_reference and not array.flags.writeable:
        return array.copy()
    flags = array.flags
    if flags.c_contiguous and flags.aligned:
        return array
    return np.require(array, requirements=["C", "A"])


def _fits(given: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    return len(given) == len(declared) and all(
        wanted in (-1, size) for size, wanted in zip(given, declared, strict=True)
    )


def _array(argument: Any) -> Array:
    return np.asarray(argument)


def _scalar(argument: Any, value: Value, what: str) -> Array:
    given = _array(argument)
    kinds = {"b": "b", "i": "iu", "f": "fiu"}[value.dtype.kind]
    if given.ndim or given.dtype.kind not in kinds:
        raise JitError(f"{what} is {argument!r}; it must be a scalar {value.text}")
    if value.dtype.kind == "i":
        info = np.iinfo(value.dtype)
        if not info.min <= int(given) <= info.max:
            raise JitError(f"{what} is {argument}, outside {value.text} [{info.min}, {info.max}]")
    return given.astype(value.dtype)


def listed(names: Mapping[str, Signature]) -> str:
    """The public functions by name."""
    return ", ".join(f"`@{name}`" for name in names) or "no public function"
