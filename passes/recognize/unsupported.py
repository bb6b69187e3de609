"""Operators that no table, unit or expansion replaces, and names of `keep` that mean nothing."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator

from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.utils.exceptions import PassFailedException

from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.passes.recognize.names import operator_name
from lut_opt.passes.recognize.without_table import (
    Remaining,
    remaining_nonlinear,
    unused_ranges,
)
from lut_opt.passes.support.declarations import KEPT
from lut_opt.passes.support.diagnostics import OpError, remark

_EXPRESS = "express it with functions that have one"

ADVICE = {
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
            *("lgamma", "mvlgamma", "digamma", "polygamma", "erfinv", "erfcx", "sinc", "frexp"),
            *("i0", "i0e", "i1", "i1e", "igamma", "igammac", "zeta", "ndtr", "ndtri", "log_ndtr"),
            *("entr", "atan2", "hypot", "logcumsumexp", "renorm", "gru", "lstm", "cbrt", "fpowi"),
            *("norm", "linalg_norm", "linalg_vector_norm", "frobenius_norm", "instance_norm"),
            *("std_mean", "tanhshrink", "mse_loss", "attention"),
        ),
        _EXPRESS,
    ),
}
"""Operators of `torch.aten` and `math`, with or without their overload, and what to do instead."""


def check_supported(module: ModuleOp, keep: Collection[str]) -> None:
    """
    Raise OpError for the first non-linear operator that nothing here replaces.

    `keep` names operators to leave in floating point. What constants alone make is left for a
    constant folder.
    """
    for left in remaining_nonlinear(module):
        if left.kind != "function" or left.kept or left.constant:
            continue
        names = _names(left)
        if any(name in keep for name in names):
            left.op.attributes[KEPT] = UnitAttr()
            continue
        own: Iterator[str] = (ADVICE[name] for name in names if name in ADVICE)
        if left.name.startswith("torch.onnx."):
            own = iter(("run torch-mlir's pass convert-torch-onnx-to-torch first",))
        advice = next(own, _EXPRESS) if left.name.startswith("torch.") else "express it with others"
        raise OpError(
            left.op,
            f"no table for {left.name}: {advice}, or leave it in floating point with "
            f"keep={names[0]}",
        )


def check_keep(module: ModuleOp, keep: Iterable[str], known: Collection[str]) -> None:
    """
    Raise PassFailedException for a name that nothing is called.

    `known` are names beside those of the registry and of the module's operators without a table.
    """
    names = {*FUNCTIONS, *known}
    if set(keep) <= names:
        return
    names |= {name for left in remaining_nonlinear(module) for name in _names(left)}
    names |= {name.partition(".")[0] for name in ADVICE} | set(ADVICE)
    for name in keep:
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), 2, 0.7)
            hint = f"did you mean {' or '.join(near)}?" if near else "--help says what it takes"
            raise PassFailedException(f"nothing is called keep={name}: {hint}")


def report_unused_ranges(module: ModuleOp, pass_name: str) -> None:
    """Tell of ranges that are declared where no table takes them."""
    for op, attribute in unused_ranges(module):
        called = operator_name(op)
        remark(op, pass_name, f"{attribute} of {called} is not used: it gets no table")


def _names(left: Remaining) -> tuple[str, ...]:
    """What `keep` may call an operator: `pow.Tensor_Tensor` or `pow`, `atan2`, `my.gelu`."""
    dialect, _, rest = left.name.partition(".")
    if dialect == "math":
        return rest, left.name
    if dialect != "torch":
        return (left.name,)
    if not rest.startswith("aten."):
        return rest, rest.rpartition(".")[0], left.name
    name = rest.removeprefix("aten.").removeprefix("special_").lstrip("_")
    name = name.removesuffix("_forward")
    return tuple(dict.fromkeys((name, name.partition(".")[0], left.name)))
