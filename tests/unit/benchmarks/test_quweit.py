"""What the measurements of weightless blocks stand on: neurons in INT8, parts of blocks, counts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("pyosys")
sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

import cifar
import quweit_energy
from energies import Cost, How
from fashion import Settings
from int8_mlp import neurons
from multiplications import counted
from quweit_energy import BIT, block_turns, products, some_results, wires

from lut_opt.backends.synthesis.power import settled
from lut_opt.backends.synthesis.synthesize import synthesize
from lut_opt.dialects.lutnet.hardware.unit import pack
from lut_opt.dialects.lutnet.network import Block, ConditionalSum, popcount


@pytest.mark.parametrize("gelu", [True, False])
def test_a_neuron_in_verilog_is_the_numbers(gelu: bool):
    torch.manual_seed(0)
    linear, scale = torch.nn.Linear(5, 3), 2.0**-5
    q = np.random.default_rng(0).integers(-128, 128, (40, 5))
    layer = neurons(linear, q * scale, scale, gelu)
    y = layer.evaluate(q)
    with torch.no_grad():
        real = linear(torch.tensor(q * scale, dtype=torch.float32))
        real = torch.nn.functional.gelu(real) if gelu else real
    # Half a step of the result, of GELU's input too, and what rounding five weights costs.
    assert np.abs(y * layer.result - real.numpy()).max() < 2.5 * layer.result
    for neuron in range(3):
        netlist = synthesize(layer.verilog(neuron), "neuron", effort="quick")
        found = settled(netlist, {"x": pack(q, 8)}, "y")
        assert np.array_equal((found + 128) % 256 - 128, y[:, neuron])


def test_bits_pass_a_part_as_they_are():
    bits = np.random.default_rng(0).integers(0, 2, (20, 7))
    assert np.array_equal(Block(BIT, wires(7), (), popcount(7, 7), BIT).evaluate(bits), bits)


def test_a_dense_sum_is_measured_by_some_of_its_results():
    dense = ConditionalSum(((1, 2, 3),) * 8, tuple(range(8)))
    some, scale = some_results(dense, 2)
    assert (some.results, scale) == (2, 4.0)
    assert some.evaluate(np.ones((1, 3), bool), BIT).shape == (1, 2)
    whole = popcount(8, 4)
    assert some_results(whole, 2) == (whole, 1.0)


def test_cifar_is_read_from_its_folder(tmp_path: Path):
    records = np.random.default_rng(0).integers(0, 256, (3, cifar.RECORD), np.uint8)
    records[:, 0] = 3, 0, 9
    (tmp_path / "one.bin").write_bytes(records[:2].tobytes())
    (tmp_path / "two.bin").write_bytes(records[2:].tobytes())
    images, labels = cifar.part(tmp_path, ["one.bin", "two.bin"], 3)
    assert labels.tolist() == [3, 0, 9]
    # Planes of red, green and blue, each row by row.
    assert images.shape == (3, 3, 32, 32)
    assert float(images[1, 2, 0, 5]) == pytest.approx((records[1, 2054] / 255 - 0.473) / 0.251)
    with pytest.raises(SystemExit, match=r"9219 bytes are not 4 records of 3073 or more"):
        cifar.part(tmp_path, ["one.bin", "two.bin"], 4)
    with pytest.raises(SystemExit, match=r"three\.bin: No such file"):
        cifar.part(tmp_path, ["three.bin"], 1)
    settings = Settings(2, 1, 1, 6)
    with pytest.raises(SystemExit, match=r"name a folder of its \.bin files by --data"):
        cifar.Cifar(settings, None)
    assert cifar.Cifar(settings, tmp_path).model()(images).shape == (3, 10)


def test_products_in_turn_are_of_groups_of_any_sizes(monkeypatch: pytest.MonkeyPatch):
    streams: dict[str, np.ndarray] = {}
    monkeypatch.setattr(
        quweit_energy, "cost", lambda text, top, inputs, how: streams.update(inputs)
    )
    bits = np.random.default_rng(0).integers(0, 2, (20, 5))
    groups = [(bits[:, :3], np.array([5, -7, 9])), (bits[:, 3:], np.array([-2, 4]))]
    products(groups, "add", How(1, False))
    signed = {name: (values + (1 << 7)) % (1 << 8) - (1 << 7) for name, values in streams.items()}
    after = (signed["s"] + signed["a"] * signed["w"]).reshape(16, 5)
    assert np.array_equal(after[:, [2, 4]], np.stack([q[:16] @ w for q, w in groups], 1))


def test_a_readout_of_unequal_groups_is_computed_in_turn(monkeypatch: pytest.MonkeyPatch):
    one = Cost(1, 1, 1, 1)
    monkeypatch.setattr(quweit_energy, "products", lambda rows, kind, how: one)
    parts, q = {"LUTs": one * 10, "read-out": one * 1000}, np.ones((20, 3), np.int64)
    weighed = ConditionalSum(((3, 1), (2,)), (0, 0), 0, ((0, 1), (2,)))
    block = Block(BIT, wires(3), (), weighed, BIT)
    assert block_turns(block, q, parts, How(1, False)) == one * 13
    counted = Block(BIT, wires(3), (), popcount(3, 1), BIT)
    assert block_turns(counted, q, parts, How(1, False)) == one * 1010


def test_multiplications_are_those_of_products():
    layers = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.GELU(), torch.nn.Linear(5, 4))
    assert counted(layers, torch.zeros(3, 6)) == 3 * (6 * 5 + 5 * 4)
    convolution = torch.nn.Conv2d(2, 4, 3, groups=2)
    assert counted(convolution, torch.zeros(1, 2, 5, 5)) == 4 * 9 * 9
