"""The inputs that a command line describes: types, batches of a file or of a generator, sizes."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lut_opt.frontends.torch.loading import UsageError

if TYPE_CHECKING:
    import torch

TYPES = {
    "f32": "float32",
    "f64": "float64",
    "f16": "float16",
    "bf16": "bfloat16",
    "i1": "bool",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
}


@dataclass(frozen=True)
class TensorType:
    """One example input."""

    shape: tuple[int, ...]
    dtype: str

    @staticmethod
    def parse(text: str) -> TensorType:
        """Read `2x8xf32`; a bare type is a 0-d tensor."""
        *dims, element = text.split("x")
        if element not in TYPES or not all(dim.isdecimal() for dim in dims):
            raise UsageError(
                f"--input {text}: it must look like 2x8xf32, with a type of {', '.join(TYPES)}"
            )
        return TensorType(tuple(int(dim) for dim in dims), TYPES[element])

    def __str__(self) -> str:
        """As `parse` reads it."""
        known = {dtype: name for name, dtype in TYPES.items()}
        return "x".join((*map(str, self.shape), known.get(self.dtype, self.dtype)))

    def random(self, generator: torch.Generator) -> torch.Tensor:
        """Standard normal numbers, or integers 0 and 1."""
        import torch

        dtype = getattr(torch, self.dtype)
        if dtype.is_floating_point:
            return torch.randn(self.shape, generator=generator).to(dtype)
        return torch.randint(0, 2, self.shape, generator=generator).to(dtype)


def batches(
    text: str,
    inputs: Sequence[TensorType],
    generator: torch.Generator,
    option: str,
    names: Sequence[str] = (),
) -> list[tuple[torch.Tensor, ...]]:
    """
    `random:N`, or the arrays of an `.npz` file: one an input, batches along the first axis.

    With `names`, the arrays are called so, and are what `inputs` says; without, they are in order.
    """
    import torch

    if text.startswith("random:"):
        count = text.removeprefix("random:")
        if not count.isdecimal() or int(count) == 0:
            raise UsageError(f"{option} {text}: it must look like random:16")
        return [tuple(kind.random(generator) for kind in inputs) for _ in range(int(count))]
    arrays = arrays_of(text, option, names)
    if len(arrays) != len(inputs) or not arrays or len({len(a) for a in arrays}) != 1:
        raise UsageError(
            f"{option} {text}: it has {len(arrays)} arrays for {len(inputs)} inputs; each must "
            "hold the same number of batches along its first dimension"
        )
    for name, array, kind in zip(names, arrays, inputs, strict=False):
        if (given := TensorType(array.shape[1:], str(array.dtype))) != kind:
            raise UsageError(
                f"{option} {text}: batches of `{name}` are {given}, but the model takes {kind}"
            )
    return [tuple(torch.as_tensor(array[i]) for array in arrays) for i in range(len(arrays[0]))]


def arrays_of(text: str, option: str, names: Sequence[str] = ()) -> list[Any]:
    """The arrays of an `.npz` file, in its order or in that of their names. `UsageError`."""
    import numpy as np

    if not Path(text).is_file():
        raise UsageError(f"{option} {text}: no such file (an .npz file, or random:16)")
    try:
        with np.load(text) as file:
            named = {name: np.atleast_1d(file[name]) for name in file.files}
    except (ValueError, OSError, AttributeError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{option} {text}: not an .npz file of plain arrays ({error}); write one with "
            "numpy.savez"
        ) from error
    positional = all(name.startswith("arr_") for name in named)  # numpy.savez(path, x, y)
    if not names or (positional and len(named) == len(names)):
        return list(named.values())
    if set(named) != set(names):
        raise UsageError(
            f"{option} {text}: it has arrays {', '.join(named)}; the model's inputs are "
            + ", ".join(names)
        )
    return [named[name] for name in names]


_AXIS = re.compile(r"(\d+)(?:=([A-Za-z_]\w*)(?::(\d+)-(\d+))?)?")


def dynamic_shapes(texts: Sequence[str], names: Sequence[str], ranks: Sequence[int]) -> Any:
    """
    What `torch.export` calls `dynamic_shapes`, of texts such as `x:0=batch,1=seq:2-512`.

    `names` are those of the inputs. Sizes of one name are equal; without a name, a size is its own.
    """
    found: list[dict[int, Any]] = [{} for _ in names]
    sizes: dict[str, Any] = {}
    for text in texts:
        name, colon, axes = text.partition(":")
        which = names.index(name) if name in names else int(name) if name.isdecimal() else -1
        if not colon or not 0 <= which < len(names):
            raise UsageError(
                f"--dynamic {text}: it must look like x:0=batch,1=seq, and begin with an input: "
                + (", ".join(names) if names else "give one with --input")
            )
        for part in axes.split(","):
            axis, size = _size(text, part, names[which], sizes)
            if axis >= ranks[which]:
                raise UsageError(
                    f"--dynamic {text}: `{names[which]}` has no axis {axis}, but {ranks[which]} of "
                    "them, counted from 0"
                )
            found[which][axis] = size
    return tuple(found) if texts else None


def _size(text: str, part: str, name: str, sizes: dict[str, Any]) -> tuple[int, Any]:
    from torch.export import Dim

    match = _AXIS.fullmatch(part.strip())
    if match is None:
        raise UsageError(
            f"--dynamic {text}: `{part}` must be an axis, as in 1, 1=seq or 1=seq:2-512"
        )
    axis, called, low, high = match.groups()
    called = called or f"{name}_{axis}"
    bounds: Mapping[str, int] = {} if low is None else {"min": int(low), "max": int(high)}
    made: Any = Dim
    if called not in sizes:
        try:
            sizes[called] = made(called, **bounds)
        except Exception as error:
            raise UsageError(f"--dynamic {text}: {error}") from error
    elif bounds:
        raise UsageError(f"--dynamic {text}: say the bounds of `{called}` where it is first named")
    return int(axis), sizes[called]
