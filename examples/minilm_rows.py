"""
A pretrained sentence encoder's own softmax and layer-norm rows through streaming hardware units.

Loads and calibrates all-MiniLM-L6-v2 as `minilm_demo.py` does, padded to 128 tokens; gives each
softmax and layer norm its tables; makes streaming units of them; records the rows that reach each
of them on held-out sentences; and runs those rows through the SystemVerilog in Icarus Verilog while
both sides stall at random. Every result must be that of the integer semantics.

    python examples/minilm_rows.py [--lanes 4]

Layer norm has rows of 384 elements here. Units of 128 elements take the first 128 of each row.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import minilm_demo
import numpy as np
import torch
from minilm_demo import Demo, Tokens, calibrated_program, load, lower, step
from numpy.typing import NDArray
from sentences import EVALUATION
from torch import nn
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.simulate.row_bench import Stalls, Stimulus
from lut_opt.backends.simulate.rows import simulate_rows
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import Program
from lut_opt.dialects.pwl import LayerNormOp, SoftmaxOp
from lut_opt.dialects.pwl.units import Norm
from lut_opt.passes.hw.row_unit.unit import build_row_unit, row_unit, row_unit_name

TOKENS = 128
ROWS = 12
"""Rows of each operator, spread over the batch."""

STEPS = 2
"""Cycles of each table."""

STALLS = Stalls(share=0.25, seed=7)

Rows = NDArray[np.float64]


@contextmanager
def recording(model: nn.Module) -> Iterator[tuple[list[Rows], list[tuple[nn.LayerNorm, Rows]]]]:
    """What reaches the softmaxes and layer norms, in the order in which they run."""
    scores: list[Rows] = []
    states: list[tuple[nn.LayerNorm, Rows]] = []
    softmax = nn.functional.softmax

    def record_scores(x: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        scores.append(x.detach().double().reshape(-1, x.shape[-1]).numpy())
        return softmax(x, *arguments, **options)

    def record_state(module: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(module, nn.LayerNorm)
        (x,) = arguments
        states.append((module, x.detach().double().reshape(-1, x.shape[-1]).numpy()))

    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
    hooks = [module.register_forward_pre_hook(record_state) for module in norms]
    nn.functional.softmax = record_scores
    try:
        yield scores, states
    finally:
        nn.functional.softmax = softmax
        for hook in hooks:
            hook.remove()


def spread(rows: Rows) -> Rows:
    """Some rows from everywhere."""
    return rows[np.linspace(0, len(rows) - 1, ROWS).astype(int)]


def stimuli(program: Program, demo: Demo, batch: Tokens, lanes: int) -> list[Stimulus]:
    """A unit of so many lanes for each softmax and layer norm, with the rows that reach it."""
    with recording(demo.model) as (scores, states), torch.no_grad():
        demo.model(*batch)
    made: list[Stimulus] = []
    softmaxes = [op for op in program.module.walk() if isinstance(op, SoftmaxOp)]
    for op, rows in zip(softmaxes, scores, strict=True):
        semantics = op.unit()
        unit = row_unit("", semantics, rows.shape[-1], STEPS, lanes=lanes)
        made.append(Stimulus(unit, list(semantics.operand.quantize(spread(rows)))))
    norms = [op for op in program.module.walk() if isinstance(op, LayerNormOp)]
    for op, (layer, rows) in zip(norms, states, strict=True):
        for length in (rows.shape[-1], TOKENS):
            made.append(norm_stimulus(op.unit(), layer, spread(rows)[:, :length], lanes))
    return [
        replace(each, unit=replace(each.unit, module=f"{row_unit_name(each.unit)}_{i}"))
        for i, each in enumerate(made)
    ]


def norm_stimulus(semantics: Norm, layer: nn.LayerNorm, rows: Rows, lanes: int) -> Stimulus:
    """A layer norm, the rows that reach it, and the model's gamma and beta."""
    length = rows.shape[-1]
    weights = {"gamma": (semantics.gamma, layer.weight), "beta": (semantics.beta, layer.bias)}
    parameters = {
        name: kind.quantize(weight.detach().double().numpy()[:length])
        for name, (kind, weight) in weights.items()
        if kind is not None
    }
    unit = row_unit("", semantics, length, STEPS, lanes=lanes)
    return Stimulus(unit, list(semantics.operand.quantize(rows)), parameters)


def run(given: Sequence[Stimulus]) -> bool:
    """Simulate and print; whether every result was right."""
    verilog = systemverilog.emit(ModuleOp([build_row_unit(each.unit) for each in given]))
    print(f"{len(given)} streaming units, {verilog.count(chr(10))} lines of SystemVerilog")
    good = True
    for result in simulate_rows(verilog, given, STALLS):
        print(f"  {result}")
        good &= result.passed
    return good


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--lanes", type=int, default=1, choices=[1, 2, 4, 8, 16, 32, 64], help="elements a cycle"
    )
    lanes: int = parser.parse_args().lanes
    minilm_demo.TOKENS = TOKENS
    with step("loading, calibrating, exporting"):
        demo = load()
        text, _ = calibrated_program(demo)
    with step("lowering, searching, verifying"):
        program = lower(text)
    with step("recording rows"):
        given = stimuli(program, demo, demo.batches(EVALUATION)[0], lanes)
    if not run(given):
        sys.exit("a result is not that of the integer semantics")


if __name__ == "__main__":
    main()
