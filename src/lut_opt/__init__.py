"""
Non-linear operators as small integer tables: proven, compiled, and synthesized.

    import lut_opt

    print(lut_opt.check(model, batches, require="cosine >= 0.999"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lut_opt.accuracy import check

__all__ = ["check"]


def __getattr__(name: str) -> Any:
    """Import what is used when it is used: `lut-opt --help` waits for nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lut_opt import accuracy

    return getattr(accuracy, name)
