"""What is shown, how it is made, and what is asked of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from lut_opt.cli.arguments import make_pass, parse_arguments
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl.hardware import HardwareUnit
from lut_opt.passes.hw.modules import modules_of, units_of

ROOT = Path(__file__).parents[2]

TABLES = "--lower-nonlinear-to-pwl --pwl-search"

Cycle = Mapping[str, int | None]
"""What every port holds when the clock rises; None: not defined."""


@dataclass(frozen=True)
class Shown:
    """A unit of the gallery."""

    name: str
    title: str
    words: str
    arguments: str
    """Of `lut-opt`, without a target."""
    begins: Callable[[Cycle], bool]
    """The cycle with which the picture begins is `before` cycles before the first such one."""
    before: int = 0
    cycles: int = 16
    stride: int = 1
    """Of the bench's questions to a unit of single elements those are asked whose number this
    divides; 0: those whose number is a power of two."""
    stalls: float = 0.0
    """Share of cycles in which either side of a stream pauses."""

    @property
    def command(self) -> str:
        """What makes its SystemVerilog."""
        return f"lut-opt {self.arguments} -t systemverilog"

    @cache
    def module(self) -> ModuleOp:
        """Its hardware, as the command makes it."""
        arguments = parse_arguments(shlex.split(self.arguments))
        ctx = context()
        path = ROOT / arguments.file
        module = parse(path.read_text("utf-8"), arguments.file, ctx).module
        for name, options in arguments.pipeline:
            make_pass(name, options).apply(ctx, module)
        return module

    def asks(self, at: int) -> bool:
        """Whether a question of the bench is asked."""
        return at % self.stride == 0 if self.stride else at & (at - 1) == 0

    @property
    def unit(self) -> HardwareUnit:
        """The outermost unit of that hardware."""
        return list(units_of(modules_of(self.module())).values())[-1]


def _asked(cycle: Cycle) -> bool:
    return cycle["x"] not in (0, None)


def _valid(cycle: Cycle) -> bool:
    return cycle["x_valid"] == 1


def _result(cycle: Cycle) -> bool:
    return (cycle["m_axis_tdata"] or 0) > 0


def _normal(cycle: Cycle) -> bool:
    return (cycle["x"] or 0) >= 1 << 19


def _divided(cycle: Cycle) -> bool:
    return (cycle["denominator"] or 0) >= 1 << 13


UNITS = (
    Shown(
        "gelu",
        "GELU, fixed",
        "Eight segments as logic. Of the circuits for it, `implementation=auto` takes the "
        "smallest, here a truth table; it has no clock.",
        f'examples/gelu.mlir {TABLES} --convert-pwl-to-hw="implementation=auto"',
        _asked,
        stride=16,
    ),
    Shown(
        "programmable",
        "Programmable table",
        "Breakpoints, slopes, intercepts and shifts are written, a word a cycle: the picture shows "
        "the last of them, and the first answers. Any function of 8 bits fits.",
        f'examples/gelu.mlir {TABLES} --convert-pwl-to-hw="unit=programmable pipeline=1"',
        _asked,
        before=6,
        cycles=23,
        stride=16,
    ),
    Shown(
        "rsqrt",
        "1/√x behind a leading-zero count",
        "Twelve octaves: leading zeros are counted and shifted out, a table of one octave answers, "
        "and the result is shifted back.",
        f'examples/rsqrt.mlir {TABLES} --convert-pwl-to-hw="pipeline=2"',
        _normal,
        cycles=13,
        stride=0,
    ),
    Shown(
        "divide",
        "Division",
        "A table of reciprocals behind the same count, and one multiplication: a numerator and a "
        "denominator enter in every cycle.",
        f'examples/divide.mlir {TABLES} --convert-pwl-to-hw="pipeline=2"',
        _divided,
        cycles=13,
        stride=17,
    ),
    Shown(
        "softmax",
        "Softmax",
        "Rows stream through, an element a cycle: while one row is summed, the next one's maximum "
        "is looked for. A row may be shorter: `x_last` ends it.",
        'examples/softmax.mlir --lower-nonlinear-to-pwl="output-bits=8" --pwl-search '
        '--convert-pwl-to-hw="pipeline=1"',
        _valid,
        cycles=24,
    ),
    Shown(
        "layer_norm",
        "Layer norm",
        "Mean and variance are sums over the row, then a table of reciprocal roots, a "
        "multiplication, and the learned scale and offset, which are written beforehand.",
        f'examples/layer_norm.mlir {TABLES} --convert-pwl-to-hw="pipeline=1"',
        _valid,
        cycles=23,
    ),
    Shown(
        "weightless",
        "Weightless block",
        "A thermometer code, LUTs, and a sum of what the set bits weigh: no multiplication.",
        'examples/weightless.mlir --canonicalize --convert-lutnet-to-hw="pipeline=2"',
        _asked,
        cycles=15,
        stride=7,
    ),
    Shown(
        "axis",
        "AXI4-Stream",
        "GELU again, as FPGA tools connect it. Where the consumer pauses (`m_axis_tready` is low) "
        "a result waits as it is; a register of one beat takes what is still on its way.",
        f'examples/gelu.mlir {TABLES} --convert-pwl-to-hw="interface=axis pipeline=2"',
        _result,
        before=2,
        cycles=18,
        stride=8,
        stalls=0.25,
    ),
)
