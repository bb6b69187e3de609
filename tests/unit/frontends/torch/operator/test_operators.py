"""The operators are what PyTorch takes for one: schema, fake tensors, export, compilation."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import logging
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")

import torch_units as made

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.range_reduction import LeadingZero
from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.operator import (
    Apply,
    DivisionModule,
    LogSoftmaxModule,
    NormModule,
    SoftmaxModule,
)

SIXTEEN = Quantization(16, True, 2.0**-8)
EIGHT = Quantization(8, True, 2.0**-5)
WIDE = Quantization(20, True, 2.0**-16)
PROBABILITY = Quantization(8, False, 2.0**-8)


def modules() -> dict[str, tuple[Any, tuple[Any, ...]]]:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    positive = x.abs() + 0.5
    gamma = Quantization(16, True, 2.0**-14)
    layer = made.norm(units.LayerNorm, SIXTEEN, SIXTEEN, gamma, gamma)
    weights = torch.nn.Parameter(torch.ones(6)), torch.nn.Parameter(torch.zeros(6))
    table = made.Table((0,), (0, 1), (0, 0), result_shift=8)
    wide = made.Applied(made.NamedFunction("hardswish"), WIDE, SIXTEEN, table)
    u32 = Quantization(32, False, 2.0**-20)
    rsqrt = made.reduced("rsqrt", LeadingZero(7), u32, SIXTEEN)
    divided = made.division(SIXTEEN, SIXTEEN, SIXTEEN, LeadingZero(7))
    return {
        "look_up": (Apply([made.applied("gelu", EIGHT, EIGHT)]), (x,)),
        "look_up_wide": (Apply([wide], slope="segment"), (x,)),
        "look_up_reduced": (Apply([rsqrt]), (positive,)),
        "softmax": (SoftmaxModule([made.softmax(SIXTEEN, PROBABILITY)]), (x,)),
        "log_softmax": (LogSoftmaxModule([made.log_softmax(SIXTEEN, SIXTEEN)]), (x,)),
        "normalize": (NormModule([layer], None, 1, *weights), (x,)),
        "divide": (DivisionModule(divided), (x, positive)),
    }


@pytest.mark.parametrize("name", modules())
def test_opcheck(name: str) -> None:
    module, inputs = modules()[name]
    program = torch.export.export(module, inputs)
    calls = [n for n in program.graph.nodes if str(n.target).startswith("lut_opt.")]
    # The quantizers, and one node for the unit.
    assert {str(node.target) for node in calls} == {
        "lut_opt.fake_quantize.default",
        f"lut_opt.{name}.default",
    }
    recorded: list[tuple[Any, tuple[Any, ...]]] = []

    class Recorder(torch.fx.Interpreter):
        def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
            if str(target) == f"lut_opt.{name}.default":
                recorded.append((target, args))
            return super().call_function(target, args, kwargs)

    Recorder(program.module()).run(*inputs)
    ((operator, arguments),) = recorded
    learnt = 2 if name == "divide" else 1
    arguments = *(a.detach().requires_grad_() for a in arguments[:learnt]), *arguments[learnt:]
    assert set(torch.library.opcheck(operator, arguments).values()) == {"SUCCESS"}


def test_opcheck_of_the_quantizer() -> None:
    x, step = torch.randn(5, requires_grad=True), torch.tensor(0.25, requires_grad=True)
    found = torch.library.opcheck(torch.ops.lut_opt.fake_quantize.default, (x, step, -8, 7))
    assert set(found.values()) == {"SUCCESS"}


def test_a_compiler_sees_what_an_operator_calls(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever backend: what reaches it is ATen's, and equal bit for bit."""
    from functorch.compile import make_boxed_func
    from torch._dynamo.backends.common import aot_autograd

    seen: list[str] = []

    def backend(graph: Any, inputs: Any) -> Any:
        seen.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return make_boxed_func(graph.forward)

    caplog.set_level(logging.ERROR)
    for name in ("look_up", "softmax", "log_softmax", "normalize"):
        module, inputs = modules()[name]
        given = tuple(x.clone().requires_grad_() for x in inputs)
        compiled = torch.compile(module, backend=aot_autograd(fw_compiler=backend))
        assert torch.equal(compiled(*given), module(*inputs))
    assert seen
    assert not [name for name in seen if "lut_opt" in name]
