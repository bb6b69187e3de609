"""Blocks compute their integer semantics while they learn, and learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lut_opt.frontends.torch.weightless import (
    LutLayer,
    Popcount,
    Sum,
    WeightlessBlock,
    WeightlessConfig,
    distill,
    replace_mlps,
)


def semantics(block: WeightlessBlock, x: torch.Tensor) -> np.ndarray:
    network = block.network()
    network.check()
    q = network.operand.quantize(x.double().numpy())
    return network.result.dequantize(network.evaluate(q))


@pytest.mark.parametrize("readout", ["popcount", "grouped", "dense"])
@pytest.mark.parametrize("options", [{}, {"luts": (40, 24), "arity": 4}, {"learned": True}])
def test_forward_is_the_integer_semantics(readout: Any, options: dict[str, Any]):
    config = WeightlessConfig(**{"luts": 48, "readout": readout, "thresholds": 3, **options})
    block = WeightlessBlock(6, 8, config)
    x = torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(1)) * 3
    optimizer = torch.optim.Adam(block.parameters(), lr=0.05)
    for _ in range(4):
        y = block(x)
        assert y.shape == (2, 7, 8)
        assert np.array_equal(y.detach().double().numpy(), semantics(block, x))
        optimizer.zero_grad()
        (y - x.mean(-1, keepdim=True)).pow(2).mean().backward()
        gradients = {name: p.grad for name, p in block.named_parameters()}
        assert all(g is not None and bool(g.isfinite().all()) for g in gradients.values())
        assert all(bool(g.any()) for g in gradients.values() if g is not None)
        optimizer.step()
    block.eval()
    assert np.array_equal(block(x).detach().double().numpy(), semantics(block, x))


def test_one_token():
    block = WeightlessBlock(6, 4, WeightlessConfig(luts=16))
    x = torch.randn(6, generator=torch.Generator().manual_seed(1))
    assert np.array_equal(block(x).detach().double().numpy(), semantics(block, x))


def test_every_input_is_connected_equally_often():
    layer = LutLayer(10, 25, 4, generator=torch.Generator().manual_seed(0))
    counts = torch.bincount(layer.wires(), minlength=10)
    assert counts.tolist() == [10] * 10


def test_tables_are_clamped_while_training():
    layer = LutLayer(4, 2, 2)
    with torch.no_grad():
        layer.tables.fill_(3.0)
    layer(torch.ones(4, 1))
    assert float(layer.tables.detach().max()) == 1.0


def test_the_same_seed_gives_the_same_block():
    config = WeightlessConfig(luts=32, seed=5)
    blocks = [WeightlessBlock(6, 4, config).network() for _ in range(2)]
    assert blocks[0] == blocks[1]
    assert WeightlessBlock(6, 4, WeightlessConfig(luts=32, seed=6)).network() != blocks[0]


@pytest.mark.parametrize("readout", ["popcount", "grouped", "dense"])
def test_distillation_fits_a_teacher(readout: Any):
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 6))
    tokens = torch.randn(2000, 6)
    config = WeightlessConfig(luts=96, readout=readout, output_scale=2.0**-5)
    block = WeightlessBlock(6, 6, config)
    variance = float(teacher(tokens).detach().var(0).mean())
    assert distill(block, teacher, tokens, steps=80, batch=256) < 0.6 * variance


def test_thresholds_move_towards_what_matters():
    """The one bit that the target needs is at 1.5, where no threshold starts."""
    block = WeightlessBlock(1, 1, WeightlessConfig(thresholds=1, luts=6, arity=1))
    x = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0)) + 1
    optimizer = torch.optim.Adam(block.parameters(), lr=0.02)
    for _ in range(150):
        loss = (block(x) - (x > 1.5).float()).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert abs(float(block.encoder.thresholds.detach()) - 1.5) < 0.15


class Mlp(nn.Module):
    """As timm writes it."""

    def __init__(self, width: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.fc1(x).relu())


def test_mlps_are_replaced():
    model = nn.ModuleDict(
        {"a": Mlp(8), "b": nn.Sequential(nn.Linear(8, 9), nn.GELU(), nn.Linear(9, 4))}
    )
    old = replace_mlps(model, WeightlessConfig(luts=32))
    assert set(old) == {"a", "b"}
    assert isinstance(old["a"], Mlp)
    assert model["a"](torch.randn(3, 8)).shape == (3, 8)
    assert model["b"](torch.randn(3, 8)).shape == (3, 4)
    assert model["a"].network().layers != model["b"].network().layers
    with pytest.raises(ValueError, match="the model has no MLP"):
        replace_mlps(model, WeightlessConfig())


def test_groups_must_be_equal():
    with pytest.raises(ValueError, match="10 LUTs are not 4 equal groups"):
        Popcount(10, 4)
    with pytest.raises(ValueError, match="10 LUTs are not 4 equal groups"):
        Sum(10, 4, dense=False)
