"""Checkpoints of torch_dwn: the same network, and refused where something is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.weightless import read_torch_dwn

OPERAND = Quantization(8, True, 2.0**-4)
FEATURES, LEVELS, LUTS, RESULTS, TAU = 5, 3, (14, 11), 3, 1 / 0.3


def saved(learned: bool) -> dict[str, Any]:
    """What torch_dwn would have: two layers, the first with a learned mapping or a random one."""
    generator = torch.Generator().manual_seed(int(learned))
    state: dict[str, torch.Tensor] = {}
    inputs = FEATURES * LEVELS
    for number, luts in enumerate(LUTS):
        if learned and number == 0:
            scores = torch.rand(inputs, luts * 4, generator=generator)
            state["0.mapping.weights"] = scores
            state["0._LUTLayer__dummy_mapping"] = torch.arange(luts * 4).reshape(luts, 4).int()
        else:
            wires = torch.randint(0, inputs, (luts, 4), generator=generator)
            state[f"{number}.mapping"] = wires.int()
        state[f"{number}.luts"] = torch.rand(luts, 16, generator=generator) * 2 - 1
        inputs = luts
    thresholds = torch.randn(FEATURES, LEVELS, generator=generator).sort(1).values
    return {"thresholds": thresholds, "state_dict": state}


def reference(network: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
    """As torch_dwn computes: thermometer, look-ups, sums of groups filled up with zeros."""
    state = network["state_dict"]
    bits = (x[:, :, None] > network["thresholds"]).flatten(1).long()
    for number in range(len(LUTS)):
        if (wires := state.get(f"{number}.mapping")) is None:
            wires = state[f"{number}.mapping.weights"].argmax(0).reshape(-1, 4)
        address = (bits[:, wires.long()] << torch.arange(4)).sum(-1)
        entries = state[f"{number}.luts"].T[address, torch.arange(address.shape[1])]
        bits = (entries > 0).long()
    bits = torch.nn.functional.pad(bits, (0, -bits.shape[1] % RESULTS))
    return bits.reshape(len(x), RESULTS, -1).sum(-1).double() / TAU


@pytest.mark.parametrize("learned", [False, True])
def test_a_checkpoint_is_the_network(learned: bool, tmp_path: Path):
    torch.save(saved(learned), tmp_path / "net.pt")
    block = read_torch_dwn(tmp_path / "net.pt", RESULTS, OPERAND, TAU)
    q = np.random.default_rng(0).integers(-128, 128, (300, FEATURES))
    x = torch.tensor(OPERAND.dequantize(q))
    expected = reference(saved(learned), x).numpy()
    assert np.allclose(block.result.dequantize(block.evaluate(q)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda net: net["state_dict"],
            r'no "thresholds" \(this is a bare state_dict\): save thermometer',
        ),
        (lambda net: {"thresholds": net["thresholds"]}, r'no "state_dict": save model'),
        (lambda net: {**net, "thresholds": net["thresholds"][0]}, "expand those"),
        (lambda net: {**net, "thresholds": net["thresholds"][:2]}, "do not fit together"),
        (lambda net: {**net, "state_dict": {}}, "no tables"),
        (
            lambda net: {**net, "state_dict": {"0.luts": net["state_dict"]["0.luts"]}},
            'has "0.luts" but no "0.mapping"',
        ),
        (lambda net: [1], "holds a list"),
        (lambda net: {**net, "model": Executed()}, "holds more than tensors"),
    ],
)
def test_what_is_missing_is_named(change: Any, message: str, tmp_path: Path):
    torch.save(change(saved(False)), tmp_path / "net.pt")
    with pytest.raises(ValueError, match=message):
        read_torch_dwn(tmp_path / "net.pt", RESULTS, OPERAND)


class Executed:
    """Whoever unpickles this runs code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a checkpoint was executed",)
