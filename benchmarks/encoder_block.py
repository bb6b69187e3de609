"""
The non-linear path of one encoder block as one module: softmax, both layer norms, GELU of MiniLM.

    python benchmarks/encoder_block.py [--layer 2] [--tokens 32] [--lanes 1] [--apart]

Calibrates, exports and lowers one layer of all-MiniLM-L6-v2 for 128 tokens, with the defaults of
every pass, and makes `encoder_block` of it: a pair of AXI4-Streams for softmax, for GELU, and for
the norms, which share a unit. The rows of tokens of sentences that the calibration has not seen run
through it in Verilator, all streams at once, while both ends of each pause at random, and again
while nobody does: every beat must be that of the integer semantics. Then its gates: cells sized for
500 MHz beside the memories, whose bits are counted apart, and what it takes of an FPGA.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import minilm_demo
import numpy as np
import torch
from measure import progress, report, table
from minilm_demo import Demo, load, lower
from minilm_rows import norm_stimulus, recording
from numpy.typing import NDArray
from sentences import CALIBRATION, EVALUATION
from synthesized import libraries
from torch import nn
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.bundle import bundle, write
from lut_opt.backends.simulate.block_bench import (
    PairResult,
    Traffic,
    bench,
    element_traffic,
    read_results,
    row_traffic,
    vectors,
)
from lut_opt.backends.simulate.row_bench import Stalls, Stimulus
from lut_opt.backends.synthesis.fpga import resources
from lut_opt.backends.synthesis.liberty import Library
from lut_opt.backends.synthesis.memories import memories_of, without_memories
from lut_opt.backends.synthesis.synthesize import synthesize
from lut_opt.backends.tools import verilator
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import Program, context
from lut_opt.dialects.pwl.hardware import AxisUnit, BlockUnit, RowUnit, StreamUnit, TableUnit
from lut_opt.dialects.pwl.units import Norm
from lut_opt.frontends.torch import calibrate, export_text
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.modules import instances, modules_of, units_of

TOKENS = 128
TOP = "encoder_block"
STEPS = 2
"""Cycles of each table."""

CLOCK_NS = 2.0
STALLS = Stalls(share=0.25, seed=7)

Inputs = tuple[torch.Tensor, torch.Tensor]
Reals = NDArray[np.float64]


class Block(nn.Module):
    """One layer: hidden states (batch × tokens × features) and a mask to hidden states."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.layer(hidden, mask)


@dataclass(frozen=True)
class Hardware:
    """The module with all that it instantiates, and what it says of itself."""

    module: ModuleOp
    unit: BlockUnit
    verilog: str


def layer_of(demo: Demo, number: int) -> nn.Module:
    """One of the model's layers."""
    encoder: Any = demo.model.encoder
    return encoder.encoder.layer[number]


def reaching(demo: Demo, number: int, sentences: Sequence[str]) -> list[Inputs]:
    """What reaches a layer of the model, batch by batch."""
    found: list[Inputs] = []

    def record(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        found.append((arguments[0], arguments[1]))

    hook = layer_of(demo, number).register_forward_pre_hook(record, with_kwargs=True)
    with torch.no_grad():
        for batch in demo.batches(sentences):
            demo.model(*batch)
    hook.remove()
    return found


def lowered(block: Block, inputs: Sequence[Inputs]) -> Program:
    """The layer with a table for each operator, as all passes have it by default."""
    return lower(export_text(block, *inputs[0], calibration=calibrate(block, inputs)))


def hardware(program: Program, lanes: int = 1, **options: Any) -> Hardware:
    """One module of all operators of a program."""
    module = program.module.clone()
    chosen = {"pipeline": STEPS, "share_norms": True, **options}
    ConvertPwlToHwPass(interface="axis", top=TOP, lanes=lanes, **chosen).apply(context(), module)
    module.verify()
    unit = units_of(modules_of(module))[TOP]
    assert isinstance(unit, BlockUnit)
    return Hardware(module, unit, systemverilog.emit(module))


def traffic(unit: BlockUnit, block: Block, inputs: Inputs, tokens: int) -> dict[str, Traffic]:
    """
    What reaches each operator for some tokens, and what it makes of it.

    Tokens are spread over those that are words; a softmax has a row for each of their heads.
    """
    hidden: list[Reals] = []
    gelus = [each for name, each in block.named_modules() if name.endswith("act_fn")]

    def record(module: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        hidden.append(_rows(arguments[0]))

    hooks = [each.register_forward_pre_hook(record) for each in gelus]
    with recording(block) as (scores, states), torch.no_grad():
        block(*inputs)
    for hook in hooks:
        hook.remove()
    words = np.flatnonzero(inputs[1][:, 0, 0].numpy().reshape(-1) == 0)
    chosen = words[np.linspace(0, len(words) - 1, tokens).astype(int)]
    batch, length = inputs[0].shape[:2]
    heads = scores[0].reshape(batch, -1, length, length).swapaxes(1, 2)
    made: dict[str, Traffic] = {}
    for name, inside in unit.units:
        inner = inside.unit
        if not isinstance(inner, RowUnit):
            made[name] = _elements(inside, hidden[0][chosen])
        elif isinstance(inner.semantics, Norm):
            each = [(layer, rows[chosen]) for layer, rows in states]
            made[name] = row_traffic(inside, _norms(inner, each))
        else:
            rows = heads.reshape(batch * length, -1, length)[chosen].reshape(-1, length)
            q = inner.semantics.operand.quantize(rows)
            made[name] = row_traffic(inside, Stimulus(inner, list(q)))
    return made


def _rows(x: torch.Tensor) -> Reals:
    return x.detach().double().reshape(-1, x.shape[-1]).numpy()


def _elements(unit: AxisUnit, x: Reals) -> Traffic:
    assert isinstance(unit.unit, StreamUnit)
    inner = unit.unit.unit
    assert isinstance(inner, TableUnit)
    q = inner.operand.quantize(x.reshape(-1))
    return element_traffic(unit, {"x": q, "y": inner.evaluate(q)})


def _norms(unit: RowUnit, each: Sequence[tuple[nn.LayerNorm, Reals]]) -> Stimulus:
    """Rows of the first norm, then those of the next, each with the model's gamma and beta."""
    norms = [semantics for semantics in unit.choices if isinstance(semantics, Norm)]
    alone = [
        norm_stimulus(semantics, layer, rows, unit.lanes)
        for semantics, (layer, rows) in zip(norms, each, strict=True)
    ]
    parameters = {
        name: np.concatenate([one.parameters[name] for one in alone])
        for name in unit.semantics.parameters
    }
    selects = [i for i, one in enumerate(alone) for _ in one.rows]
    return Stimulus(unit, [row for one in alone for row in one.rows], parameters, selects)


def simulate(made: Hardware, given: Mapping[str, Traffic], stalls: Stalls) -> dict[str, PairResult]:
    """Run every beat through the module; `BackendError` for one that is not as it must be."""
    files = vectors(given, made.unit) | {"units.sv": made.verilog}
    files["bench.sv"] = bench(made.unit, given, "bench", stalls)
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        return read_results(verilator.run(Path(folder), "bench", ["bench.sv", "units.sv"]))


def show_simulation(
    made: Hardware, paused: Mapping[str, PairResult], free: Mapping[str, PairResult], tokens: int
) -> None:
    """Print what went through each pair of streams, and how fast."""
    rows: list[list[str]] = []
    for name, unit in made.unit.units:
        inner, found = unit.unit, free[name]
        each, what = 1, "each element"
        if isinstance(inner, RowUnit):
            each, what = inner.beats, f"rows of {inner.length}"
        count = found.beats // each
        cycles = (found.cycles - found.latency + 1) / count
        rows.append(
            [
                f"{name}, {what}",
                f"{found.beats:,} of {paused[name].beats:,}",
                str(found.latency),
                f"{cycles:.1f}",
                f"{cycles * count / tokens:,.0f}",
            ]
        )
    header = ["stream", "equal beats", "latency", "cycles each", "cycles a token"]
    how = f"{tokens} tokens of sentences not calibrated on, both ends pausing, and nobody"
    report(f"{TOP} of MiniLM in Verilator", how, table(header, rows), ())


def show_gates(made: Hardware, library: Library) -> None:
    """Print the gates of the module and of each unit in it."""
    rows: list[list[str]] = []
    modules = modules_of(made.module)
    for name, module in (*((n, u.module) for n, u in made.unit.units), ("all", TOP)):
        logic = without_memories(made.verilog, module)
        found = synthesize(logic, module, library, CLOCK_NS, "quick")
        inside = instances(modules[module], modules)
        memories = [each for part in inside for each in memories_of(modules[part])]
        bits = sum(each.words * each.bits for each in memories)
        delay = "none" if found.delay is None else f"{found.delay:.2f}"
        rows.append([name, f"{found.area:,.0f}", delay, f"{bits:,}"])
        progress(f"{library.name}: {name}")
    how = (
        f"area in {library.area_unit} and path in {library.time_unit} beside the memories, cells "
        f"sized for {1000 / CLOCK_NS:.0f} MHz"
    )
    header = ["unit", "area", "path", "memory bits"]
    report(f"{TOP}, {library.name}", how, table(header, rows), ("pyosys",))


def main() -> None:
    """Build, simulate and measure."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--layer", type=int, default=2, help="of the encoder's six")
    parser.add_argument("--tokens", type=int, default=32, help="whose rows are simulated")
    parser.add_argument("--lanes", type=int, default=1, help="of softmax and norms")
    parser.add_argument("--apart", action="store_true", help="show the gates of norms apart, too")
    parser.add_argument("--without-gates", action="store_true", help="simulate alone")
    parser.add_argument("--output", type=Path, help="a folder for the module and its files")
    parser.add_argument("--liberty", action="append", default=[], metavar="FILE[,FILE…]")
    arguments = parser.parse_args()
    minilm_demo.TOKENS = TOKENS
    demo = load()
    block = Block(layer_of(demo, arguments.layer))
    program = lowered(block, reaching(demo, arguments.layer, CALIBRATION))
    progress("lowered")
    made = hardware(program, arguments.lanes)
    inputs = reaching(demo, arguments.layer, EVALUATION)[0]
    given = traffic(made.unit, block, inputs, arguments.tokens)
    paused = simulate(made, given, STALLS)
    free = simulate(made, given, Stalls())
    show_simulation(made, paused, free, arguments.tokens)
    if arguments.output is not None:
        write(bundle(made.module), arguments.output)
    if arguments.without_gates:
        return
    apart = [made] + [hardware(program, arguments.lanes, share_norms=False)] * arguments.apart
    for library in libraries(arguments.liberty).values():
        for each in apart:
            show_gates(each, library)
    fpga = hardware(program, arguments.lanes, target="fpga")
    print(f"\nxc7, as Yosys maps it: {resources(fpga.verilog, TOP, 'xc7')}")


if __name__ == "__main__":
    main()
