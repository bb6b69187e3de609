"""What the IR means: the pwl, lutnet, quant and torch dialects, and the semantics of tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.ir import Dialect


def _pwl() -> Dialect:
    from lut_opt.dialects.pwl import PWL

    return PWL


def _lutnet() -> Dialect:
    from lut_opt.dialects.lutnet.dialect import LUTNET

    return LUTNET


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
    "lutnet": _lutnet,
    "quant": _quant,
    "storage": _storage,
    "torch": _torch,
    "torch_c": _torch_conversion,
}
"""Our dialects by name, each loaded when it is first asked for."""
