"""Blocks are proved by parts, and mutants of each part are caught."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import networks
import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.transforms.canonicalize import CanonicalizePass

from lut_opt.backends.formal import tables
from lut_opt.backends.formal.tables import PartsProof, prove
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.lutnet.hardware import NetworkUnit
from lut_opt.dialects.lutnet.network import Block, Luts, Thermometer
from lut_opt.passes.convert_lutnet_to_hw import ConvertLutnetToHwPass

pytestmark = pytest.mark.skipif(shutil.which("yosys") is None, reason="Yosys is not installed")


def small(readout: str = "dense", layers: tuple[int, ...] = (14,)) -> Block:
    """Two results of several leaves each."""
    return networks.block(
        2, features=2, thresholds=3, layers=layers, arity=3, results=2, readout=readout
    )


def hardware(block: Block, pipeline: int = 0, interface: str = "plain") -> ModuleOp:
    module = networks.program(block, (4,))
    convert = ConvertLutnetToHwPass(pipeline, interface)  # pyright: ignore[reportArgumentType]
    convert.apply(Context(), module)
    module.verify()
    return module


def verdicts(module: ModuleOp, verilog: str | None = None) -> list[PartsProof]:
    found = prove(module, verilog)
    assert all(isinstance(each, PartsProof) for each in found)
    return [each for each in found if isinstance(each, PartsProof)]


@pytest.mark.parametrize(
    ("readout", "layers", "pipeline", "interface"),
    [
        ("dense", (14,), 0, "plain"),
        ("dense", (14,), 3, "plain"),
        ("grouped", (9, 16), 5, "plain"),
        ("popcount", (20,), 2, "stream"),
        ("grouped", (), 0, "stream"),
    ],
)
def test_blocks_are_proved(
    readout: str,
    layers: tuple[int, ...],
    pipeline: int,
    interface: str,
    monkeypatch: pytest.MonkeyPatch,
):
    module = hardware(small(readout, layers), pipeline, interface)
    for each in (whole := verdicts(module)):
        assert "proved by parts, each for all its inputs: " in str(each), str(each)
        assert each.stream == (each.module.endswith("_stream"))
    # One result at a time, as of blocks that are too large to be read as a whole.
    monkeypatch.setattr(tables, "NODES", 1)
    assert verdicts(module) == whole


def test_a_canonical_block_is_proved():
    module = networks.program(small(), (4,))
    CanonicalizePass().apply(Context(), module)
    ConvertLutnetToHwPass(pipeline=1).apply(Context(), module)
    (proof,) = verdicts(module)
    assert not proof.refuted, str(proof)


def changed_table(block: Block) -> Block:
    (luts,) = block.layers
    lut = next(i for i, row in enumerate(luts.connections) if len({*row}) == 3)
    tables = [table ^ ((1 << 5) if i == lut else 0) for i, table in enumerate(luts.tables)]
    return replace(block, layers=(Luts(luts.connections, tuple(tables)),))


def swapped_wires(block: Block) -> Block:
    """Two inputs of a LUT whose table tells them apart."""
    (luts,) = block.layers
    rows = list(luts.connections)
    for lut, row in enumerate(rows):
        if len({*row}) == 3:
            rows[lut] = (row[1], row[0], row[2])
            other = Luts(tuple(rows), luts.tables)
            bits = np.array([[at >> i & 1 for i in range(luts.inputs)] for at in range(64)], bool)
            if not np.array_equal(other.evaluate(bits), luts.evaluate(bits)):
                return replace(block, layers=(other,))
            rows[lut] = row
    raise AssertionError("no table tells its inputs apart")


def other_wire(block: Block) -> Block:
    (luts,) = block.layers
    rows = list(luts.connections)
    lut = next(i for i, row in enumerate(rows) if len({*row}) == 3)
    unused = next(w for w in range(block.thermometer.bits) if w not in rows[lut])
    rows[lut] = (unused, *rows[lut][1:])
    return replace(block, layers=(Luts(tuple(rows), luts.tables),))


def moved_threshold(block: Block) -> Block:
    rows = [list(row) for row in block.thermometer.thresholds]
    rows[0][1] += 1
    return replace(block, thermometer=Thermometer(tuple(map(tuple, rows))))


def changed_weight(block: Block) -> Block:
    rows = [list(row) for row in block.readout.weights]
    rows[1][-1] += 4
    return replace(block, readout=replace(block.readout, weights=tuple(map(tuple, rows))))


def changed_bias(block: Block) -> Block:
    bias = (block.readout.bias[0] + 4, *block.readout.bias[1:])
    return replace(block, readout=replace(block.readout, bias=bias))


def changed_shift(block: Block) -> Block:
    return replace(block, readout=replace(block.readout, shift=block.readout.shift - 1))


@pytest.mark.parametrize(
    ("mutate", "part"),
    [
        (changed_table, "LUT"),
        (swapped_wires, "LUT"),
        (other_wire, "LUT"),
        (moved_threshold, "threshold"),
        (changed_weight, "leaf"),
        (changed_bias, "leaf"),
        (changed_shift, ""),
    ],
)
@pytest.mark.parametrize(("pipeline", "nodes"), [(0, 1000), (2, 1000), (2, 1)])
def test_mutants_are_caught(
    mutate: Callable[[Block], Block],
    part: str,
    pipeline: int,
    nodes: int,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(tables, "NODES", nodes)
    block = small()
    said = hardware(block, pipeline)
    (proof,) = verdicts(said, systemverilog.emit(hardware(mutate(block), pipeline)))
    assert proof.refuted
    assert part in (proof.wrong or "")


def test_a_missing_register_is_caught():
    module = hardware(small(), 2)
    text = systemverilog.emit(module)
    # The next wire of the same kind, in the place of its own.
    cut = text.replace("s0_0_2_q2 <= s0_0_2;", "s0_0_2_q2 <= s1_0_0;")
    assert cut != text
    (proof,) = verdicts(module, cut)
    assert "does not take" in (proof.wrong or ""), str(proof)


def test_text_without_the_named_wires_is_not_called_proved():
    module = hardware(small())
    (proof,) = verdicts(module, systemverilog.emit(module).replace("layer0", "other"))
    assert proof.refuted


def test_a_wide_adder_is_proved_by_z3():
    """Sums of more than 20 bits together."""
    pytest.importorskip("z3")
    block = small()
    weights = tuple(tuple(w * 3001 for w in row) for row in block.readout.weights)
    wide = replace(block, readout=replace(block.readout, weights=weights))
    (proof,) = verdicts(hardware(wide))
    assert not proof.refuted, str(proof)
    heavier = tuple(tuple(w + (i == 13) for i, w in enumerate(row)) for row in weights)
    other = replace(wide, readout=replace(wide.readout, weights=heavier))
    (proof,) = verdicts(hardware(wide), systemverilog.emit(hardware(other)))
    assert proof.refuted


def test_levels_for_registers():
    unit = NetworkUnit("m", small(), latency=99)
    with pytest.raises(ValueError, match=r"pipeline must be from 0 to 6, got 99"):
        unit.check()
