"""Quantization-aware training: what is asked wrongly is named, what is left alone too."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from torch import nn

from lut_opt.dialects.assembly import context, parse, print_program
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.frontends.torch import qat
from lut_opt.frontends.torch.operator import Apply, NormModule, SoftmaxModule
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

EIGHT = LowerNonlinearToPwlPass(input_bits=8)


class Small(nn.Module):
    """A table and a norm between two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)
        self.act, self.norm = nn.GELU(), nn.LayerNorm(6)

    def forward(self, x: Any) -> Any:
        return self.second(self.norm(self.act(self.first(x))))


_LINE = 1 + Path(__file__).read_text().splitlines().index(
    "        return self.second(self.norm(self.act(self.first(x))))"
)

GELU = rf".*test_qat\.py:{_LINE}: `gelu` of layer `act`"
"""Where it is written, and in which module."""


def batches() -> list[Any]:
    return list(torch.randn(32, 4, generator=torch.Generator().manual_seed(0)).split(8))


def calibrated(model: Any = None, **options: Any) -> Any:
    torch.manual_seed(0)
    prepared = qat.prepare(
        Small() if model is None else model, batches()[0], qat.Config(lowering=EIGHT, **options)
    )
    qat.calibrate(prepared, batches())
    return prepared


def test_units_are_where_operators_were() -> None:
    prepared = calibrated()
    assert [type(slot.unit) for slot in prepared.slots.values()] == [Apply, NormModule]
    names = [slot.name for slot in prepared.slots.values()]
    assert re.fullmatch(GELU, names[0])
    assert [str(n.target) for n in prepared.graph.graph.nodes if "gelu" in str(n.target)] == []


def test_the_model_itself_stays_as_it_was() -> None:
    model = Small()
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    prepared = calibrated(model)
    for parameter in prepared.graph.parameters():
        with torch.no_grad():
            parameter.add_(1.0)
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())


def test_groups_hold_every_parameter_once() -> None:
    prepared = calibrated()
    weights, scales = qat.parameter_groups(prepared, lr=0.5, scale_lr=0.25, weight_decay=0.125)
    assert len(weights["params"]) == 6
    assert [p.dim() for p in scales["params"]] == [0, 0]
    assert (weights["lr"], weights["weight_decay"]) == (0.5, 0.125)
    assert (scales["lr"], scales["weight_decay"]) == (0.25, 0.0)


def test_without_ranges_the_first_operator_is_named() -> None:
    prepared = qat.prepare(Small(), batches()[0])
    expected = GELU + " has no calibrated range: call qat.calibrate"
    with pytest.raises(qat.QatError, match=expected):
        prepared(batches()[0])
    with pytest.raises(qat.QatError, match=expected):
        qat.parameter_groups(prepared, lr=1.0)
    with pytest.raises(qat.QatError, match=expected):
        qat.freeze(prepared)


def test_a_scale_at_the_edge_of_its_window_is_named() -> None:
    prepared = calibrated()
    scale = next(iter(prepared.slots.values())).scales[0]
    with torch.no_grad():
        scale.exponent.add_(7.0)
    with pytest.raises(qat.QatError, match=GELU + ": its scale .* is the last"):
        qat.freeze(prepared)


def test_training_ends_when_scales_are_frozen() -> None:
    prepared = calibrated()
    with pytest.raises(qat.QatError, match="still learns"):
        qat.convert(prepared)
    qat.freeze(prepared)
    assert not prepared.training
    y = prepared(batches()[0])
    expected = GELU + " is frozen.*: train before qat.freeze"
    with pytest.raises(qat.QatError, match=expected):
        prepared.train()
    with pytest.raises(qat.QatError, match=expected):
        y.sum().backward()
    assert all(p.grad is None for p in prepared.parameters())


def test_a_table_that_does_not_fit_is_named() -> None:
    search = PwlSearchPass(frac_bits=30)
    with pytest.raises(qat.QatError, match=GELU + ": .*frac"):
        calibrated(search=search)
    with pytest.raises(qat.QatError, match=GELU + ": .*do not fit in 2 bits"):
        calibrated(search=PwlSearchPass(form="seed", entries=1, param_bits=2, unit_bits=8))


def test_the_exported_program_holds_what_was_trained() -> None:
    prepared = calibrated()
    slot = next(iter(prepared.slots.values()))
    with torch.no_grad():
        slot.scales[0].exponent.add_(1.0)
    qat.freeze(prepared)
    program = qat.export(qat.convert(prepared))
    (apply,) = (op for op in program.module.walk() if isinstance(op, ApplyOp))
    assert apply.input_quantization.scale == slot.window.scales[3]
    text = print_program(program)
    ctx = context()
    again = parse(text, "small.mlir", ctx)
    LowerNonlinearToPwlPass().apply(ctx, again.module)
    PwlSearchPass(entries=2).apply(ctx, again.module)
    VerifyPwlPass().apply(ctx, again.module)
    assert print_program(again) == text


class Groups(nn.Module):
    """A norm that the lowering opens into several units, and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x: Any) -> Any:
        return torch.softmax(self.norm(x), -1)


def test_what_cannot_be_placed_stays_and_is_named() -> None:
    prepared = calibrated(Groups())
    assert any(isinstance(slot.unit, SoftmaxModule) for slot in prepared.slots.values())
    assert len(prepared.left) + len(prepared.slots) == len(
        [op for op in program_of(prepared).module.walk() if isinstance(op, ApplyOp | UnitOp)]
    )


def program_of(prepared: Any) -> Any:
    qat.freeze(prepared)
    return qat.export(qat.convert(prepared))


def test_linear_layers_are_those_of_pt2e() -> None:
    pytest.importorskip("torchao", reason="pip install lut-opt[quantize]")
    from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
        X86InductorQuantizer,
        get_default_x86_inductor_quantization_config,
    )

    quantizer = X86InductorQuantizer()
    quantizer.set_global(get_default_x86_inductor_quantization_config(is_qat=True))
    prepared = calibrated(quantizer=quantizer)
    optimizer = torch.optim.SGD(qat.parameter_groups(prepared, lr=0.1))
    for x in batches():
        loss = prepared(x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    text = print_program(program_of(prepared))
    assert text.count("dequantize_per_channel") >= 2
    assert text.count("pwl.trained") == 2
