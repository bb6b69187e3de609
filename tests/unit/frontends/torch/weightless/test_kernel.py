"""Compiled look-ups against PyTorch's: bits equal, gradients equal up to the order of additions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lut_opt.frontends.torch.weightless import WeightlessBlock, WeightlessConfig, kernel
from lut_opt.frontends.torch.weightless.gradients import LookUp

if isinstance(kernel.library(), str):
    pytest.skip(f"not compiled: {kernel.library()}", allow_module_level=True)


@pytest.fixture(autouse=True)
def _choice() -> Iterator[None]:
    yield
    kernel.use("auto")
    kernel.library.cache_clear()


def results(which, bits: torch.Tensor, connections: torch.Tensor, tables: torch.Tensor):
    kernel.use(which)
    bits, tables = bits.clone().requires_grad_(), tables.clone().requires_grad_()
    y = LookUp.apply(bits, connections, tables)
    generator = torch.Generator().manual_seed(9)
    y.backward(torch.randn(y.shape, generator=generator))
    return y.detach(), bits.grad, tables.grad


@pytest.mark.parametrize("arity", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("tokens", [1, 7, 64, 515, 1030])
def test_bits_are_equal_and_gradients_to_rounding(arity: int, tokens: int):
    generator = torch.Generator().manual_seed(arity)
    bits = torch.randint(0, 2, (13, tokens), generator=generator).float()
    connections = torch.randint(0, 13, (29, arity), generator=generator)
    tables = torch.rand(29, 1 << arity, generator=generator) * 2 - 1
    expected = results("torch", bits, connections, tables)
    found = results("compiled", bits, connections, tables)
    assert torch.equal(found[0], expected[0])
    # Sums of at most 29 · 6 and of 1030 terms, each around 1: some units in the last place.
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=3e-5)


@pytest.mark.parametrize("wire", [-1, 3])
def test_a_wire_to_nowhere_is_an_error(wire: int):
    kernel.use("compiled")
    with pytest.raises(IndexError, match="not among the 3 given"):
        LookUp.apply(torch.zeros(3, 2), torch.tensor([[0, wire]]), torch.zeros(1, 4))


def test_without_a_compiler_pytorch_computes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(1))
    block = WeightlessBlock(6, 8, WeightlessConfig(luts=48))
    kernel.use("compiled")
    expected = block(x)
    monkeypatch.setenv("CC", str(tmp_path / "none"))
    kernel.library.cache_clear()
    kernel.use("auto")
    assert not kernel.suits(torch.zeros(1, 2))
    assert torch.equal(block(x), expected)
    with pytest.raises(ValueError, match=r"not compiled: there is no C compiler \(set \$CC\)"):
        kernel.use("compiled")


def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho no such target >&2\nexit 1\n", "utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kernel.library.cache_clear()
    with pytest.raises(ValueError, match="not compiled: no such target"):
        kernel.use("compiled")
    assert not list((tmp_path / "cache").rglob("*.so"))


def test_double_precision_is_left_to_pytorch():
    kernel.use("compiled")
    assert not kernel.suits(torch.zeros(1, 4, dtype=torch.float64))
    assert kernel.suits(torch.zeros(1, 4))
