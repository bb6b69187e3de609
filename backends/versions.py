"""Which versions a result was made with."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = (
    "xdsl",
    "numpy",
    "torch",
    "torch-mlir",
    "torchao",
    "iree-base-compiler",
    "pycde",
    "pyosys",
)
"""What lut-opt's results can depend on; all but the first two are extras."""


def versions() -> dict[str, str]:
    """Version by name of lut-opt, Python and the libraries, or `not installed`."""
    found = {"lut-opt": version("lut-opt"), "Python": sys.version.split()[0]}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
