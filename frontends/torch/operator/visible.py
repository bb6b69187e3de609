"""
Operators that are one node in an exported program, and open to what `torch.compile` fuses.

PyTorch has one kind of these: `triton_op`, whose function may as well call ATen's operators alone.
A `custom_op` would be a wall for the compiler. Where nothing is traced, the function is called as
it stands: through the dispatcher a call costs some 0.2 ms more, as much as softmax of 64 × 1,024.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

_modes: Callable[[], int] = getattr(getattr(torch, "_C"), "_len_torch_dispatch_stack")

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
        direct = _differentiable(name, function, save, backward)

        def call(*arguments: Any) -> Any:
            tensors = [each for each in arguments if isinstance(each, torch.Tensor)]
            return (operator if _is_traced(tensors) else direct)(*arguments)

        return call

    return define


def _differentiable(
    name: str, function: Callable[..., Any], save: Callable[..., None], backward: Backward
) -> Callable[..., Any]:
    """The function with its gradient, as it stands."""

    def forward(ctx: Any, *inputs: Any) -> Any:
        output = function(*inputs)
        # Of what else a function returns there are no gradients: none are to be made of zeros.
        ctx.set_materialize_grads(False)
        save(ctx, inputs, output)
        return output

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    operator: Any = type(name, (torch.autograd.Function,), members)
    return operator.apply


def _is_traced(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether something looks on: a compiler, an export, or any other mode of dispatch."""
    return (
        torch.compiler.is_compiling()
        or bool(_modes())
        or not all(type(each) in (torch.Tensor, torch.nn.Parameter) for each in tensors)
    )


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
