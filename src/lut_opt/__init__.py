"""
Non-linear operators as small integer tables: proven, compiled, and synthesized.

    import lut_opt

    compiled = lut_opt.compile(model, calibrate=batches, target="cosine >= 0.999")
    print(lut_opt.check(model, batches, require="cosine >= 0.999"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lut_opt.accuracy import check
    from lut_opt.compiling import compile

__all__ = ["check", "compile"]

_HOMES = {"check": "lut_opt.accuracy", "compile": "lut_opt.compiling"}


def __getattr__(name: str) -> Any:
    """Import what is used when it is used: `lut-opt --help` waits for nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
