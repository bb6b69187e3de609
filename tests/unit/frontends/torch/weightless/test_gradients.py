"""Extended finite differences against the sum that defines them, and the surrogate of steps."""

from __future__ import annotations

import pytest
import torch

from lut_opt.frontends.torch.weightless.gradients import LookUp, Step, differences


def published(table: torch.Tensor, address: int, place: int) -> float:
    """The released rule (torch_dwn 1.1.1, efd_cuda_kernel.cu), term by term."""
    bits = len(table).bit_length() - 1
    alpha, beta = 0.5 * 0.75 ** (bits - 1), 1 / 3
    total = 0.0
    for other, entry in enumerate(table.tolist()):
        sign = 1 if other >> place & 1 else -1
        distance = ((other ^ address) & ~(1 << place)).bit_count()
        total += sign * alpha * beta**distance * entry
    return total


@pytest.mark.parametrize("bits", [1, 2, 4, 6])
def test_smoothed_tables_are_the_published_sum(bits: int):
    generator = torch.Generator().manual_seed(bits)
    tables = torch.rand(3, 1 << bits, generator=generator, dtype=torch.float64) * 2 - 1
    found = differences(tables)
    for lut, table in enumerate(tables):
        for place in range(bits):
            for address in range(1 << bits):
                expected = published(table, address, place)
                assert abs(float(found[lut, place, address]) - expected) < 1e-12


def test_look_up_takes_the_entry_and_spreads_its_gradient():
    generator = torch.Generator().manual_seed(0)
    tables = torch.rand(2, 8, generator=generator, dtype=torch.float64) * 2 - 1
    tables.requires_grad_()
    bits = torch.randint(0, 2, (4, 5), generator=generator).double().requires_grad_()
    # Input 3 is read by both, and twice by one.
    connections = torch.tensor([[0, 1, 3], [3, 2, 3]])
    y = LookUp.apply(bits, connections, tables)
    given = torch.rand(2, 5, generator=generator, dtype=torch.float64)
    (y * given).sum().backward()
    wires = bits.detach()[connections]
    address = (wires * torch.tensor([1, 2, 4])[:, None]).sum(1).long()
    bit_gradient = torch.zeros(4, 5, dtype=torch.float64)
    table_gradient = torch.zeros(2, 8, dtype=torch.float64)
    for lut in range(2):
        for token in range(5):
            at = int(address[lut, token])
            assert float(y[lut, token]) == float(tables[lut, at] > 0)
            table_gradient[lut, at] += given[lut, token]
            for place in range(3):
                slope = published(tables.detach()[lut], at, place)
                bit_gradient[connections[lut, place], token] += slope * given[lut, token]
    assert torch.allclose(bits.grad, bit_gradient)
    assert torch.allclose(tables.grad, table_gradient)


def test_an_entry_of_zero_is_a_zero():
    y = LookUp.apply(torch.zeros(1, 1), torch.tensor([[0]]), torch.tensor([[0.0, 1.0]]))
    assert float(y) == 0


def test_a_step_has_a_triangle_of_area_1():
    distance = torch.linspace(-3, 3, 6001, dtype=torch.float64, requires_grad=True)
    bits = Step.apply((distance > 0).double().detach(), distance, 2.0)
    bits.sum().backward()
    assert float(distance.grad.max()) == pytest.approx(0.5)
    assert float(distance.grad.sum()) * 0.001 == pytest.approx(1.0, abs=1e-3)
    assert float(distance.grad[500]) == 0
