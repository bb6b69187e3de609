"""
Area and energy a token of trained weightless blocks and of the INT8 MLP in their place.

    python benchmarks/seed_quweit.py --seeds 1        # trains what is measured here
    python benchmarks/quweit_energy.py

Both are cells of Nangate 45 nm, their inputs the activations of test images, token after token, at
500 MHz; energies are given settled, and with unfiltered glitches. No wires, no clock tree. Two
classes of design are compared, each with its own kind:

- hard-wired: weights are constants, a token enters in every cycle. Encoder, LUTs and read-out are
  synthesized apart; a dense read-out and the MLP by some of their results, scaled up to all.
- in turn: LUTs stay wired, but the read-out is one conditional adder, the MLP one multiplier, for
  one product after another. The memory of the weights is left out on both sides: as many bytes
  for a dense read-out as for the MLP, 1/32 of them for a grouped one, none to count bits.

INT8 MLP: weights to 8 bits, one scale a layer, hidden values and results to 8 bits, GELU as a table
of 256; how far that is from the MLP in floats is printed, too.
"""

from __future__ import annotations

import argparse
import functools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import fashion
import numpy as np
import torch
from energies import Cost, How, cost
from fashion import Fashion, Vit
from int8_mlp import Floats, Neurons, neurons
from measure import report, table
from seed_quweit import BLOCKS, kept, model, path_of
from torch import Tensor
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.transforms.canonicalize import CanonicalizePass

from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.lutnet.hardware import NetworkUnit
from lut_opt.dialects.lutnet.hardware.unit import pack
from lut_opt.dialects.lutnet.network import Block, ConditionalSum, Thermometer, popcount
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.frontends.torch import export
from lut_opt.passes.hw.network_unit.chains import blocks
from lut_opt.passes.hw.network_unit.unit import build_network
from lut_opt.passes.lower_torch_to_lutnet import LowerTorchToLutnetPass

Measured = tuple[dict[str, Cost], Cost]
"""Parts of a hard-wired design, and what one takes that computes its products in turn."""

BIT = Quantization(1, False, 1.0)
LAYER = 1
"""Of the transformer, whose block is measured."""
IMAGES = 8
"""Of the test, whose tokens the block is given."""


def block_cost(block: Block, q: Integers, how: How, latency: int = 0) -> Cost:
    """Of a block, or a part of one, for tokens (…, features)."""
    unit = NetworkUnit("block", block, latency=latency)
    unit.check()
    module = ModuleOp([build_network(unit)])
    return cost(systemverilog.emit(module), "block", {"x": pack(q, block.operand.bits)}, how)


def wires(count: int) -> Thermometer:
    """Bits as they are: of features of one bit each."""
    return Thermometer(((0,),) * count)


def block_parts(block: Block, q: Integers, how: How) -> dict[str, Cost]:
    """Encoder, LUTs, read-out and registers (of inputs and results) of one block."""
    bits = [each.astype(np.int64) for each in block.bits(q)]
    ends = (block.thermometer.bits, *(luts.count for luts in block.layers))
    encoder = Block(block.operand, block.thermometer, (), popcount(ends[0], ends[0]), BIT)
    parts = {"encoder": block_cost(encoder, q, how), "LUTs": Cost(0, 0, 0, 0)}
    for given, luts, wire in zip(bits, block.layers, ends, strict=False):
        layer = Block(BIT, wires(wire), (luts,), popcount(luts.count, luts.count), BIT)
        parts["LUTs"] += block_cost(layer, given, how)
    readout, scale = some_results(block.readout, how.sample)
    sums = Block(BIT, wires(ends[-1]), (), readout, block.result)
    parts["read-out"] = block_cost(sums, bits[-1], how) * scale
    parts["registers"] = registers(q, block.operand, how)
    parts["registers"] += registers(block.evaluate(q), block.result, how)
    return parts


def registers(q: Integers, stored: Quantization, how: How) -> Cost:
    """Flip-flops for numbers (tokens, elements)."""
    bits = (q[:, :, None] >> np.arange(stored.bits) & 1).reshape(len(q), -1)
    count = bits.shape[1]
    kept = Block(BIT, wires(count), (), popcount(count, count), BIT)
    return block_cost(kept, bits, how, latency=1)


def some_results(total: ConditionalSum, sample: int) -> tuple[ConditionalSum, float]:
    """A dense sum's first results, and how many times as many there are."""
    if total.bits is not None and max(map(len, total.bits)) < 100:
        return total, 1.0
    rows = None if total.bits is None else total.bits[:sample]
    some = replace(total, weights=total.weights[:sample], bias=total.bias[:sample], bits=rows)
    return some, total.results / sample


def products(q: Integers, weights: Integers, kind: str, how: How) -> Cost:
    """One product and sum after another, of one neuron after another, for some tokens."""
    x = np.repeat(q[:16, None], 4, 1).reshape(-1, weights.shape[1])
    w = np.tile(weights[:4], (16, 1))
    sums = np.cumsum(x * w, 1)
    sums = np.concatenate([np.zeros((len(sums), 1), np.int64), sums[:, :-1]], 1)
    size, term = {"mac": (8, "a * w"), "add": (1, "(a[0] ? w : 8'sd0)")}[kind]
    text = (
        f"module product(input clock, input signed [{size - 1}:0] a, input signed [7:0] w,\n"
        "  input signed [23:0] s, output reg signed [23:0] y);\n"
        f"  always @(posedge clock) y <= s + {term};\nendmodule\n"
    )
    streams = {"a": x, "w": w, "s": sums}
    masks = {"a": (1 << size) - 1, "w": 255, "s": (1 << 24) - 1}
    inputs = {name: values.ravel() & masks[name] for name, values in streams.items()}
    return cost(text, "product", inputs, how)


def layer_cost(layer: Neurons, q: Integers, how: How) -> Cost:
    """Of all neurons, by some."""
    inputs = {"x": pack(q, 8)}
    some = [cost(layer.verilog(n), "neuron", inputs, how) for n in range(how.sample)]
    return functools.reduce(Cost.__add__, some) * (len(layer.weights) / how.sample)


def mlp_parts(mlp: torch.nn.Sequential, x: Floats, how: How) -> tuple[dict[str, Cost], Cost]:
    """The hard-wired layers and registers, and all products in turn."""
    stored = Quantization(8, True, 2.0**-5)
    q = stored.quantize(x)
    first = neurons(cast(Any, mlp[0]), x, stored.scale, gelu=True)
    hidden = first.evaluate(q)
    second = neurons(cast(Any, mlp[2]), hidden * first.result, first.result, gelu=False)
    y = second.evaluate(hidden)
    with torch.no_grad():
        real = cast(Any, mlp(torch.tensor(x, dtype=torch.float32))).double().numpy()
    error = np.sqrt(np.square(y * second.result - real).mean() / np.square(real).mean())
    print(f"INT8 MLP against floats: {100 * error:.1f} % (RMS)", file=sys.stderr, flush=True)
    parts = {"first layer": layer_cost(first, q, how)}
    parts["second layer"] = layer_cost(second, hidden, how)
    parts["registers"] = registers(q, stored, how) + registers(y, stored, how)
    pairs = ((q, first), (hidden, second))
    turns = [products(given, layer.weights, "mac", how) for given, layer in pairs]
    return parts, turns[0] * first.weights.size + turns[1] * second.weights.size


def block_turns(block: Block, q: Integers, parts: dict[str, Cost], how: How) -> Cost:
    """With a read-out in turn; counts of bits have no weights, and stay as they are."""
    rows = block.readout.weights
    if len({*map(len, rows)}) > 1 or {weight for row in rows for weight in row} == {1}:
        return total(parts)
    bits = block.bits(q)[-1].astype(np.int64)
    seen = bits if block.readout.bits is None else bits[:, np.array(block.readout.bits[0])]
    weights = np.array(rows)
    kept = {name: each for name, each in parts.items() if name != "read-out"}
    return total(kept) + products(seen, weights, "add", how) * weights.size


def total(parts: dict[str, Cost]) -> Cost:
    """All parts."""
    return functools.reduce(Cost.__add__, parts.values())


def trained(kind: str, task: Fashion, folder: Path) -> tuple[Any, Floats]:
    """The block of one layer of the model of seed 0, and the tokens (count, features) given."""
    net = cast(Vit, model(task, kind, 0))
    net.load_state_dict(torch.load(path_of(task, kind, 0, folder).with_suffix(".pt")))
    seen: list[Tensor] = []
    mlp: Any = cast(Any, net.layers[LAYER]).mlp
    mlp.register_forward_hook(lambda _, args, y: seen.append(args[0]))
    with torch.inference_mode():
        net.eval()(task.inputs(IMAGES))
    return mlp, cast(Any, seen[0]).double().flatten(0, 1).numpy()


def lowered(block: torch.nn.Module, x: Floats) -> Block:
    """Exported, and canonicalized as for hardware."""
    program = export(block, torch.tensor(x, dtype=torch.float32))
    for each in (LowerTorchToLutnetPass(), CanonicalizePass()):
        each.apply(Context(), program.module)
    ((_, found),) = blocks(program.module)
    return found


def measured_block(kind: str, task: Fashion, folder: Path, how: How) -> Measured:
    """Parts of the hard-wired block, and what it takes with a read-out in turn."""
    net, x = trained(kind, task, folder)
    block = lowered(net, x)
    q = block.operand.quantize(x)
    parts = block_parts(block, q, how)
    return parts, block_turns(block, q, parts, how)


def rows_of(kind: str, found: Measured, mlp: Measured) -> list[tuple[str, ...]]:
    """Of a kind, each beside what the MLP takes."""
    (parts, turns), wired = found, total(mlp[0])
    rows = [(kind, name, *each.cells(wired)) for name, each in parts.items()]
    rows += [(kind, "hard-wired", *total(parts).cells(wired))]
    return [*rows, (kind, "in turn", *replace(turns, area=0.0).cells(mlp[1]))]


def draw(found: dict[str, Measured], task: Fashion, folder: Path, to: Path) -> None:
    """The pictures, of the seeds that were measured."""
    import quweit_plots as plots

    points: list[plots.Point] = []
    for kind, (parts, turns) in found.items():
        scores = tuple(kept(task, kind, folder))
        for design, each in (("hard-wired", total(parts)), ("in turn", turns)):
            # Counted bits have nothing that comes in turn.
            if design == "hard-wired" or each != total(parts):
                ends = (each.settled / 1000, each.glitches / 1000)
                points.append(plots.Point(kind, design, scores, *ends))
    controls = {"no MLP at all": "no MLP", "an affine map": "affine"}
    scores = {name: kept(task, kind, folder) for name, kind in controls.items()}
    plots.energy(points, scores, to / "weightless-energy.svg")
    block, _ = trained("popcount", task, folder)
    start = cast(Any, model(task, "popcount", 0)).layers[LAYER].mlp
    now, before = (each.network() for each in (block, start))
    plots.tables(now.layers[0], before.layers[0], to / "weightless-tables.svg")
    plots.wires(now, 0, to / "weightless-wires.svg")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0].strip())
    parser.add_argument("--images", type=int, default=30_000, help="of training")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--sample", type=int, default=2, help="results of a dense layer, for all")
    parser.add_argument("--fpga", action="store_true", help="LUTs by synth_xilinx, too")
    parser.add_argument("--only", help="read-outs, separated by commas")
    parser.add_argument("--folder", type=Path, default=Path("build/quweit"))
    parser.add_argument("--data", type=Path, default=fashion.FOLDER)
    parser.add_argument("--plot", type=Path, help="folder of pictures, such as docs/pictures")
    options = parser.parse_args()
    settings = fashion.Settings(options.images, 10_000, options.epochs, 6)
    task = Fashion(settings, options.data)
    how = How(options.sample, options.fpga)
    found = {"MLP": mlp_parts(*trained("MLP", task, options.folder), how)}
    for kind in options.only.split(",") if options.only else BLOCKS:
        found[kind] = measured_block(kind, task, options.folder, how)
    rows = [row for kind, each in found.items() for row in rows_of(kind, each, found["MLP"])]
    report(
        "A trained block and the INT8 MLP in its place: area, and energy a token",
        f"layer {LAYER}, tokens of {IMAGES} test images; "
        f"{how.sample} of the results of each dense layer scaled up to all",
        table(("block", "part", "µm²", "nJ", "glitches", "FPGA LUTs", "MLP : this"), rows),
        packages=("pyosys", "torch"),
    )
    if options.plot:
        draw(found, task, options.folder, options.plot)


if __name__ == "__main__":
    main()
