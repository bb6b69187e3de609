"""Non-linear operators that no table, unit or expansion knows: they must not be left unnoticed."""

from __future__ import annotations

from collections.abc import Collection

from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.torch import VTensorLiteralOp, VTensorType, is_float, torch_name
from lut_opt.passes.support.declarations import KEPT
from lut_opt.passes.support.diagnostics import OpError

UNSUPPORTED = {
    "cdist": "write it as sqrt(|a|^2 - 2ab + |b|^2)",
    "cosine_similarity": "write it as a product of normalized vectors",
    "addcdiv": "write it as a sum and a division",
    "logsumexp": "write it as max + log(sum(exp(x - max)))",
    "logaddexp": "write it as max + softplus(-|a - b|)",
    "logaddexp2": "write it with log2 and exp2",
    "xlogy": "write it as a product with a log",
    "float_power": "give it a constant exponent",
    "pow.Tensor_Tensor": "give it a constant exponent or base",
    "quantized_decomposed.choose_qparams": "quantize the model statically (is_dynamic=False)",
    "quantized_decomposed.choose_qparams_symmetric": "quantize the model statically",
    "std": "write it as the square root of a variance",
    **dict.fromkeys(
        ("fmod.Tensor", "remainder.Tensor", "floor_divide", "div.Tensor_mode"),
        "divide by a constant",
    ),
    **dict.fromkeys(
        (
            *("lgamma", "mvlgamma", "digamma", "polygamma", "erfinv", "erfcx", "sinc"),
            *("i0", "i0e", "i1", "i1e", "igamma", "igammac", "zeta", "ndtr", "ndtri", "log_ndtr"),
            *("entr", "frexp", "atan2", "hypot", "logcumsumexp", "renorm", "gru", "lstm"),
        ),
        "express it with functions that have one",
    ),
}
"""Operators of `torch.aten`, with or without their overload, and what to do instead."""

_UNSUPPORTED_MATH = frozenset(("atan2", "cbrt", "erfc", "fpowi"))
"""Of the `math` dialect."""


def check_supported(module: ModuleOp, keep: Collection[str]) -> None:
    """
    Raise OpError for the first non-linear operator that nothing here can replace.

    `keep` names operators to leave in floating point, as `torch.aten` or `math` call them.
    """
    for op in module.walk():
        if (found := _unsupported(op)) is None:
            continue
        name, advice = found
        if name in keep or name.partition(".")[0] in keep:
            op.attributes[KEPT] = UnitAttr()
            continue
        called = torch_name(op)
        called = op.name if called is None else f"torch.{called}"
        raise OpError(
            op,
            f"no table for {called}: {advice}, or leave it in floating point with keep={name}",
        )


def _unsupported(op: Operation) -> tuple[str, str] | None:
    if op.name.startswith("math."):
        name = op.name.removeprefix("math.")
        return (name, "express it with others") if name in _UNSUPPORTED_MATH else None
    name = (torch_name(op) or "").removeprefix("aten.").removeprefix("special_").lstrip("_")
    name = name.removesuffix("_forward")
    stems = (name, name.rpartition(".")[0], name.partition(".")[0])
    advice = next((UNSUPPORTED[stem] for stem in stems if stem in UNSUPPORTED), None)
    if advice is None or all(_is_constant(value) for value in op.operands):
        return None
    return (name, advice) if any(is_float(value.type) for value in op.results) else None


def _is_constant(value: SSAValue) -> bool:
    return not isinstance(value.type, VTensorType) or isinstance(value.owner, VTensorLiteralOp)
