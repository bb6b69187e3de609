"""A trained block: PyTorch = interpreter = compiled code = proved and simulated RTL, bit by bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from xdsl.context import Context
from xdsl.dialects.builtin import f32
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.interpreters.shaped_array import ShapedArray
from xdsl.interpreters.utils.ptr import TypedPtr
from xdsl.transforms.canonicalize import CanonicalizePass

from lut_opt.backends import jit
from lut_opt.backends.bundle import bundle
from lut_opt.backends.formal.tables import prove
from lut_opt.backends.tools import icarus
from lut_opt.dialects.assembly import Program
from lut_opt.dialects.lutnet.hardware import NetworkUnit
from lut_opt.dialects.lutnet.interpreter import LutnetFunctions
from lut_opt.dialects.pwl.interpreter import PwlFunctions
from lut_opt.frontends.torch import export
from lut_opt.frontends.torch.weightless import WeightlessBlock, WeightlessConfig, distill
from lut_opt.passes.convert_lutnet_to_arith import ConvertLutnetToArithPass
from lut_opt.passes.convert_lutnet_to_hw import ConvertLutnetToHwPass
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.lower_torch_to_lutnet import LowerTorchToLutnetPass

TOKENS = 70


def trained(readout: Any) -> WeightlessBlock:
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(3, 8), nn.GELU(), nn.Linear(8, 2))
    config = WeightlessConfig(thresholds=2, luts=16, arity=4, readout=readout)
    block = WeightlessBlock(3, 2, config)
    distill(block, teacher, torch.randn(500, 3), steps=20, batch=128)
    return block.eval()


def exported(block: WeightlessBlock, x: torch.Tensor) -> Program:
    program = export(block, x)
    LowerTorchToLutnetPass().apply(Context(), program.module)
    program.module.verify()
    return program


@pytest.mark.parametrize("readout", ["popcount", "grouped", "dense"])
def test_five_semantics(readout: str, tmp_path: Path):
    block = trained(readout)
    x = torch.randn(TOKENS, 3, generator=torch.Generator().manual_seed(2)) * 2
    with torch.no_grad():
        y = block(x).numpy()
    program = exported(block, x)
    if readout == "popcount":
        assert "lutnet.popcount" in str(program.module)

    hardware = program.module.clone()
    CanonicalizePass().apply(Context(), hardware)
    ConvertLutnetToHwPass(pipeline=2).apply(Context(), hardware)
    (unit,) = units_of(modules_of(hardware)).values()
    assert isinstance(unit, NetworkUnit)
    q = unit.block.operand.quantize(x.double().numpy())
    assert np.array_equal(unit.block.result.dequantize(unit.evaluate(q)), y)

    ConvertLutnetToArithPass().apply(Context(), program.module)
    ConvertPwlToArithPass().apply(Context(), program.module)
    assert np.array_equal(jit.compile(program)(x.numpy()), y)

    if shutil.which("yosys") is None or shutil.which("iverilog") is None:
        pytest.skip("no simulator or no Yosys")
    (proof,) = prove(hardware)
    assert not proof.refuted, str(proof)
    for name, text in bundle(hardware).items():
        (tmp_path / Path(name).name).write_text(text)
    module = unit.module
    printed = icarus.run(tmp_path, f"{module}_bench", [f"{module}.sv", f"{module}_bench.sv"])
    assert printed.splitlines()[-1].startswith("PASS"), printed


@pytest.mark.parametrize("readout", ["popcount", "dense"])
def test_the_interpreter_gives_the_same(readout: str):
    block = trained(readout)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        y = block(x).numpy()
    module = exported(block, x).module
    # Without the casts between torch's tensors and builtin ones, which have no interpreter.
    interpreter = Interpreter(module)
    for functions in (LutnetFunctions(), PwlFunctions(), FuncFunctions()):
        interpreter.register_implementations(functions)
    data = TypedPtr[float].new(x.reshape(-1).tolist(), xtype=f32)
    value: Any = ShapedArray(data, [5, 3])
    for op in module.walk():
        if op.name.startswith(("quant.", "lutnet.")):
            (value,) = interpreter.run_op(op, (value,))
    assert np.array_equal(np.asarray(value.data, np.float32).reshape(5, 2), y)


def test_what_was_trained_since_is_exported():
    block = trained("dense")
    x = torch.randn(4, 3)
    first = str(exported(block, x).module)
    with torch.no_grad():
        block.readout.bias += 1.0
    assert str(exported(block, x).module) != first
