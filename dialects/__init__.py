"""What the IR means: the pwl, quant and torch dialects and the semantics of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.ir import Dialect


def _pwl() -> Dialect:
    from lut_opt.dialects.pwl import PWL

    return PWL


def _quant() -> Dialect:
    from lut_opt.dialects.quant import QUANT

    return QUANT


def _storage() -> Dialect:
    from lut_opt.dialects.storage import STORAGE

    return STORAGE


def _torch() -> Dialect:
    from lut_opt.dialects.torch import TORCH

    return TORCH


def _torch_conversion() -> Dialect:
    from lut_opt.dialects.torch import TORCH_CONVERSION

    return TORCH_CONVERSION


DIALECTS: dict[str, Callable[[], Dialect]] = {
    "pwl": _pwl,
    "quant": _quant,
    "storage": _storage,
    "torch": _torch,
    "torch_c": _torch_conversion,
}
"""Our dialects by name, each loaded when it is first asked for."""
