"""What was trained is what is deployed: PyTorch, interpreter, compiled code, simulated hardware."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import math
import shutil
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from exact import Exact
from torch import nn
from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, IntegerType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.interpreters.shaped_array import ShapedArray
from xdsl.interpreters.utils.ptr import TypedPtr
from xdsl.ir import Block, Region

from lut_opt.backends import iree, jit
from lut_opt.backends.simulate import tables
from lut_opt.backends.simulate.row_bench import Stimulus
from lut_opt.backends.simulate.rows import simulate_rows
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import Program, context, parse, print_program
from lut_opt.dialects.pwl import ApplyOp, NormOp, UnitOp
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.pwl.interpreter import PwlFunctions
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.frontends.torch import IntegerQuantizer, qat
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.convert_quantized_to_integer import ConvertQuantizedToIntegerPass
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

EIGHT = LowerNonlinearToPwlPass(input_bits=8)

QUICK = PwlSearchPass(strategy="uniform", param_bits=10)
"""How good the tables are is nothing to these tests."""


class RMSNorm(nn.Module):
    """As model libraries write it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Any) -> Any:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Net(nn.Module):
    """A convolution, attention written out, a chain, norms of two spellings, a division."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.batch_norm = nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8)
        self.norm, self.rms = nn.LayerNorm(8), RMSNorm(8)
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = nn.functional.hardswish(self.batch_norm(self.conv(x))).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        scores = q @ k.transpose(-1, -2) / 8**0.5
        e = torch.exp(scores - scores.amax(-1, keepdim=True))
        x = x + (e / e.sum(-1, keepdim=True)) @ v
        x = self.rms(x * torch.tanh(nn.functional.softplus(x)))
        x = x / (1.0 + x.abs().sum(-1, keepdim=True))
        return self.out(nn.functional.gelu(x).mean(1))


class Trained(NamedTuple):
    prepared: Any
    program: Program
    losses: list[float]


@cache
def trained() -> Trained:
    """Eight bits where functions are, trained for a while."""
    torch.manual_seed(0)
    x, y = torch.randn(64, 1, 8, 8), torch.randint(0, 5, (64,))
    config = qat.Config(lowering=EIGHT, search=QUICK, octaves=1)
    prepared = qat.prepare(Net(), x[:16], config)
    qat.calibrate(prepared, x.split(16))
    optimizer = torch.optim.AdamW(qat.parameter_groups(prepared, lr=3e-3))
    losses: list[float] = []
    for _ in range(12):
        for inputs, labels in zip(x.split(16), y.split(16), strict=True):
            loss = nn.functional.cross_entropy(prepared(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    for slot in prepared.slots.values():
        # An octave further than training went, so that what is exported is not the start.
        for scale in slot.scales[:1]:
            scale.freeze(len(scale.values) // 2)
    qat.freeze(prepared)
    return Trained(prepared, qat.export(qat.convert(prepared)), losses)


def units(program: Program) -> list[ApplyOp | UnitOp]:
    return [op for op in program.module.walk() if isinstance(op, ApplyOp | UnitOp)]


def test_it_learns_and_every_unit_is_found() -> None:
    prepared, program, losses = trained()
    assert prepared.left == []
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
    names = [op.name for op in units(program)]
    assert names == [
        *("pwl.apply", "pwl.layer_norm", "pwl.softmax", "pwl.apply"),
        *("pwl.rms_norm", "pwl.divide", "pwl.apply"),
    ]
    assert len(prepared.slots) == len(names)
    called = [node.target for node in prepared.graph.graph.nodes if node.op == "call_module"]
    assert {f"unit_{number}" for number in range(len(names))} <= set(called)
    for slot in prepared.slots.values():
        assert all(scale.exponent.grad is not None for scale in slot.scales), slot.name


def test_what_was_trained_stands_in_the_program() -> None:
    prepared, program, _ = trained()
    for slot, op in zip(prepared.slots.values(), units(program), strict=True):
        sizes = [scale.values[scale.octave] for scale in slot.scales]
        assert op.input_quantization.scale == sizes[0]
        assert {k: v for k, v in op.properties.items() if k != "operandSegmentSizes"} == {
            k: v for k, v in slot.chosen().properties.items() if k != "operandSegmentSizes"
        }
    text = print_program(program)
    ctx = context()
    again = parse(text, "trained.mlir", ctx)
    # Other tables would be found, if any were looked for.
    PwlSearchPass(entries=3, param_bits=6).apply(ctx, again.module)
    VerifyPwlPass().apply(ctx, again.module)
    assert print_program(again) == text


def test_a_changed_table_is_not_verified() -> None:
    ctx = context()
    again = parse(print_program(trained().program), "trained.mlir", ctx)
    apply = next(op for op in units(again) if isinstance(op, ApplyOp))
    assert apply.table is not None
    data = apply.table.data
    slopes = (data.slopes[0] + 1, *data.slopes[1:])
    table = type(data)(data.breakpoints, slopes, data.intercepts, data.intercept_shift,
                       data.result_shift, data.param_bits)  # fmt: skip
    apply.table = type(apply.table)(table)
    with pytest.raises(Exception, match="certificate"):
        VerifyPwlPass().apply(ctx, again.module)


@cache
def alone() -> ModuleOp:
    """Each unit as a function of stored integers."""
    functions: list[FuncOp] = []
    for number, op in enumerate(units(trained().program)):
        kinds = [value.type for value in op.operands]
        block = Block(arg_types=kinds)
        copy = op.clone(dict(zip(op.operands, block.args, strict=True)))
        block.add_ops([copy, ReturnOp(*copy.results)])
        kind = FunctionType.from_lists(kinds, [copy.results[0].type])
        functions.append(FuncOp(f"unit_{number}", kind, Region(block)))
    named = [op.clone() for op in trained().program.module.ops
             if isinstance(op, FuncOp) and op.sym_name.data != "main"]  # fmt: skip
    return ModuleOp([*named, *functions])


def storages(op: ApplyOp | UnitOp) -> list[Quantization]:
    if isinstance(op, ApplyOp):
        return [op.input_quantization]
    return [op.stored("operand", value) for value in op.operands]


def stored_inputs(op: ApplyOp | UnitOp) -> list[Integers]:
    """All inputs of eight bits, random ones of more; γ and β as they were trained."""
    found: list[Integers] = []
    for value, storage in zip(op.operands, storages(op), strict=True):
        shape = value.type.get_shape()  # pyright: ignore
        rng = np.random.default_rng(len(found))
        if isinstance(op, ApplyOp) and storage.bits == 8:
            q = np.resize(storage.values, math.prod(shape))
        else:
            spread = min(storage.maximum, 4000)
            q = rng.integers(max(storage.minimum, -spread), spread, math.prod(shape))
        found.append(q.reshape(shape))
    return found


def in_pytorch(number: int, op: ApplyOp | UnitOp, inputs: list[Integers]) -> Integers:
    """What the trained module makes of the reals that integers stand for."""
    slot = list(trained().prepared.slots.values())[number]
    reals = [
        torch.as_tensor(by.dequantize(q).astype(np.float32))
        for q, by in zip(inputs, storages(op), strict=True)
    ]
    if isinstance(op, NormOp):
        module = slot.unit
        # The parameters are those that were trained; here any integers may stand for them.
        kept = module.weight, module.bias
        module.weight, module.bias = (
            *(nn.Parameter(each) for each in reals[1:]),
            *(None for _ in range(3 - len(reals))),
        )
        y = module(reals[0])
        module.weight, module.bias = kept
    else:
        y = slot.unit(*reals)
    result = op.result_quantization
    q = y.detach().double().numpy() / result.scale + result.zero_point
    assert np.array_equal(q, np.rint(q))
    return q.astype(np.int64)


def signless(q: Integers, storage: Quantization) -> Integers:
    half = 1 << (storage.bits - 1)
    return (q + half) % (2 * half) - half


def test_pytorch_and_the_interpreter_agree_on_every_bit() -> None:
    interpreter = Interpreter(alone())
    interpreter.register_implementations(PwlFunctions())
    interpreter.register_implementations(FuncFunctions())
    for number, op in enumerate(units(trained().program)):
        inputs = stored_inputs(op)
        arrays = [
            ShapedArray(
                TypedPtr.new(signless(q, by).reshape(-1).tolist(), xtype=IntegerType(by.bits)),
                list(q.shape),
            )
            for q, by in zip(inputs, storages(op), strict=True)
        ]
        (result,) = interpreter.call_op(f"unit_{number}", tuple(arrays))
        wanted = signless(in_pytorch(number, op, inputs), op.result_quantization)
        assert result.data == wanted.reshape(-1).tolist(), op.name


@pytest.mark.parametrize("backend", [jit, iree])
def test_pytorch_and_compiled_code_agree_on_every_bit(backend: Any) -> None:
    module = alone().clone()
    ConvertPwlToArithPass().apply(Context(), module)
    try:
        executable = backend.compile(Program(module, ""))
    except ImportError as error:
        pytest.skip(str(error))
    for number, op in enumerate(units(trained().program)):
        inputs = stored_inputs(op)
        arrays = [
            signless(q, by).astype(f"i{by.bits // 8}")
            for q, by in zip(inputs, storages(op), strict=True)
        ]
        result = executable.run(f"unit_{number}", *arrays)
        wanted = signless(in_pytorch(number, op, inputs), op.result_quantization)
        assert np.array_equal(result, wanted), op.name


def in_hardware(*kinds: type) -> ModuleOp:
    """The units of some kinds as circuits."""
    module = alone().clone()
    for function in list(module.ops):
        assert isinstance(function, FuncOp)
        if not any(isinstance(op, kinds) for op in function.walk()):
            function.detach()
            function.erase()
    ConvertPwlToHwPass().apply(Context(), module)
    return module


def needs_a_simulator() -> None:
    pytest.importorskip("pycde")
    if shutil.which("iverilog") is None:
        pytest.skip("needs iverilog: make apt")


def test_hardware_has_the_trained_tables() -> None:
    """Every input of eight bits, judged by the table, which the tests above compare."""
    needs_a_simulator()
    sweeps = tables.simulate(in_hardware(ApplyOp))
    assert len(sweeps) == 3
    assert not [str(sweep) for sweep in sweeps if not sweep.passed]


def test_pytorch_and_streaming_hardware_agree_on_every_bit() -> None:
    """Softmax and norms; a division has no circuit."""
    needs_a_simulator()
    ops = [(i, op) for i, op in enumerate(units(trained().program)) if op.name in STREAMS]
    module = in_hardware(*(type(op) for _, op in ops))
    built = [unit for unit in units_of(modules_of(module)).values() if isinstance(unit, RowUnit)]
    stimuli: list[Stimulus] = []
    for unit, (number, op) in zip(built, ops, strict=True):
        x, *parameters = stored_inputs(op)
        assert unit.semantics == op.unit()
        named = dict(zip(unit.semantics.parameters, parameters, strict=True))
        stimuli.append(Stimulus(unit, list(x.reshape(-1, unit.length)), named))
        wanted = in_pytorch(number, op, [x, *parameters]).reshape(-1)
        assert np.array_equal(stimuli[-1].expected(), wanted), op.name
    assert len(stimuli) == len(STREAMS)
    for result in simulate_rows(systemverilog.emit(module), stimuli):
        assert result.passed, str(result)


STREAMS = ("pwl.layer_norm", "pwl.softmax", "pwl.rms_norm")


class Encoder(nn.Module):
    """Attention and an MLP, with norms and residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(16), nn.LayerNorm(16)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, x: Any) -> Any:
        q, k, v = self.qkv(self.first(x)).chunk(3, -1)
        x = x + self.out(torch.softmax(q @ k.transpose(-1, -2) / 4.0, -1) @ v)
        return x + self.down(nn.functional.gelu(self.up(self.second(x))))


def test_a_trained_network_in_integers_throughout() -> None:
    """PyTorch on integer values, the JIT and IREE."""
    pytest.importorskip("torchao", reason="pip install lut-opt[quantize]")
    torch.manual_seed(0)
    x = torch.randn(24, 6, 16)
    quantizer = IntegerQuantizer(power_of_two=True)
    config = qat.Config(lowering=EIGHT, search=QUICK, octaves=1, quantizer=quantizer)
    prepared = qat.prepare(Encoder(), x[:4], config)
    qat.calibrate(prepared, x.split(4))
    groups = qat.parameter_groups(prepared, lr=1e-2)
    scales = [p.detach().clone() for p in groups[1]["params"]]
    optimizer = torch.optim.Adam(groups)
    losses: list[float] = []
    for _ in range(4):
        for batch in x.split(4):
            loss = (prepared(batch) - batch.roll(1, 1)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0]
    moved = [not torch.equal(p, q) for p, q in zip(scales, groups[1]["params"], strict=True)]
    assert sum(moved) > len(moved) // 2  # what a table made lies on its grid already
    qat.freeze(prepared)
    converted = qat.convert(prepared)
    assert prepared.left == []
    ctx = context()
    program = parse(print_program(qat.export(converted)), "trained.mlir", ctx)
    ConvertQuantizedToIntegerPass(float="error").apply(ctx, program.module)
    ConvertPwlToArithPass().apply(ctx, program.module)
    batch = torch.randn(4, 6, 16)
    with torch.no_grad():
        wanted = Exact(converted.graph).run(batch).float().numpy()
        near = prepared(batch).numpy()
    got = jit.compile(program, opt_level=1)(batch.numpy())
    np.testing.assert_array_equal(got, wanted)
    assert np.abs(got - near).max() < 0.1  # what was trained, but for the order of its sums
    assert len(np.unique(wanted)) > 64
    try:
        compiled = iree.compile(program)
    except ImportError:
        return
    np.testing.assert_array_equal(compiled(batch.numpy()), got)
