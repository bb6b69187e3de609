"""
Operators that are one node in an exported program, and open to what `torch.compile` fuses.

PyTorch has one kind of these: `triton_op`, whose function may as well call ATen's operators alone.
A `custom_op` would be a wall for the compiler.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch

Backward = Callable[..., Any]
"""From a context and the gradients of the results to those of the arguments."""


def visible_op(
    name: str, *, save: Callable[..., None], backward: Backward
) -> Callable[[Callable[..., Any]], Any]:
    """Make an operator `lut_opt::name` of a function of tensors and numbers."""

    def define(function: Callable[..., Any]) -> Any:
        with _without_triton():
            library: Any = torch.library
            operator = library.triton_op(f"lut_opt::{name}", mutates_args=())(function)
        operator.register_autograd(backward, setup_context=save)
        return operator

    return define


@contextmanager
def _without_triton() -> Generator[None]:
    """PyTorch warns that no Triton kernel can be found where there is no Triton: there is none."""
    logger = logging.getLogger("torch._library.triton")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
