"""Compiled functions that take and give NumPy arrays, whatever compiled them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from lut_opt.backends.execute.arguments import Array, checked_all
from lut_opt.backends.execute.signature import Signature

Results = Array | tuple[Array, ...]


class Executable(ABC):
    """The public functions of a compiled module."""

    def __init__(self, signatures: dict[str, Signature]) -> None:
        self.signatures = signatures
        """Types of each public function."""

    def __call__(self, *arguments: Any) -> Results:
        """Run `@main`, or the only public function."""
        names = list(self.signatures)
        return self.run(names[0] if len(names) == 1 else "main", *arguments)

    def run(self, name: str, *arguments: Any) -> Results:
        """
        Run one public function on arrays (and Python or NumPy scalars for scalar arguments).

        Returns one array, or a tuple of arrays for any other number of results; a scalar result is
        a 0-d array. Raises `JitError` if an argument's type or shape is not the function's, and if
        the module stops, as a failing assertion makes it.
        """
        arrays = checked_all(name, self.signatures, arguments)
        signature = self.signatures[name]
        results = self._run(name, signature, arrays)
        for argument, array, value in zip(arguments, arrays, signature.arguments, strict=True):
            if value.by_reference and array is not argument and argument.flags.writeable:
                np.copyto(argument, array)
        return results[0] if len(results) == 1 else tuple(results)

    @abstractmethod
    def _run(self, name: str, signature: Signature, arrays: Sequence[Array]) -> list[Array]:
        """The results, in their own memory; the arrays are exactly what the signature says."""
