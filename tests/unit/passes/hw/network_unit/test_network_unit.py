"""Blocks in hardware: simulated against NumPy, read back from text, described as JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import networks
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.bundle import bundle
from lut_opt.backends.report.json import emit
from lut_opt.backends.tools import icarus
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.lutnet.hardware import NetworkUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.convert_lutnet_to_hw import ConvertLutnetToHwPass
from lut_opt.passes.hw.modules import modules_of, units_of


def hardware(pipeline: int, interface: str, **options: object) -> ModuleOp:
    block = networks.block(3, **options)  # pyright: ignore[reportArgumentType]
    module = networks.program(block, (4,), popcount=options.get("readout") == "popcount")
    convert = ConvertLutnetToHwPass(pipeline, interface)  # pyright: ignore[reportArgumentType]
    convert.apply(Context(), module)
    module.verify()
    return module


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
@pytest.mark.parametrize(
    ("pipeline", "interface", "options"),
    [
        (0, "plain", {"layers": (12, 8)}),
        (4, "plain", {"readout": "popcount", "layers": (30,)}),
        (
            2,
            "stream",
            {
                "readout": "grouped",
                "operand": Quantization(6, False, 0.5, 3),
                "result": Quantization(16, True, 0.25, 0, -300, 40),
            },
        ),
    ],
)
def test_bundles_pass(tmp_path: Path, pipeline: int, interface: str, options: dict[str, object]):
    files = bundle(hardware(pipeline, interface, **options))
    folders = {name.partition("/")[0] for name in files}
    for folder in folders:
        for name, text in files.items():
            if name.startswith(f"{folder}/"):
                (tmp_path / name).parent.mkdir(exist_ok=True)
                (tmp_path / name).write_text(text)
        printed = icarus.run(
            tmp_path / folder, f"{folder}_bench", [f"{folder}.sv", f"{folder}_bench.sv"]
        )
        assert printed.splitlines()[-1].startswith("PASS"), printed


def test_the_attribute_holds_the_whole_block():
    module = hardware(3, "stream")
    again = parse(str(module), "again.mlir", context()).module
    found = units_of(modules_of(again))
    assert found == units_of(modules_of(module))
    (unit,) = (each for each in found.values() if isinstance(each, NetworkUnit))
    assert unit.block == networks.block(3)
    assert unit.latency == 3


def test_json_has_thresholds_tables_and_weights():
    (row,) = json.loads(emit(hardware(1, "plain")))
    block = networks.block(3)
    assert row["unit"] == "network"
    assert row["latency"] == 1
    assert row["thresholds"] == [list(each) for each in block.thermometer.thresholds]
    assert [int(each, 16) for each in row["layers"][0]["tables"]] == [*block.layers[0].tables]
    assert row["weights"] == [list(each) for each in block.readout.weights]
    assert [port["name"] for port in row["ports"]] == ["clock", "reset", "x", "y"]


def test_equal_blocks_share_a_module():
    module = networks.program(networks.block(3), (4,))
    other = networks.program(networks.block(3), (9,))
    (function,) = other.ops
    function.detach()
    function.attributes.clear()
    module.body.block.add_op(function)
    ConvertLutnetToHwPass().apply(Context(), module)
    assert len(modules_of(module)) == 1
