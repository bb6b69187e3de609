"""
Hardware units against their tables, on every input, in a simulator (Icarus Verilog).

    for sweep in simulate(module):       # before or after `convert-pwl-to-hw`
        print(sweep)

All units of a module share one simulator run. Inputs of up to 16 bits are swept whole; of wider
ones the neighbourhood of every breakpoint, both ends of the range and a fixed random sample.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.tools import icarus
from lut_opt.backends.tools.icarus import hexadecimal, stored_value
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl.hardware import ENABLE, SWEPT_BITS, TableUnit
from lut_opt.dialects.quantization import Integers
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.modules import modules_of, units_of

BENCH = "lut_opt_bench"


@dataclass(frozen=True)
class Mismatch:
    """An input on which hardware and table differ; `actual` is None for an undefined output."""

    input: int
    expected: int
    actual: int | None


@dataclass(frozen=True)
class Sweep:
    """What the simulation of one unit showed."""

    module: str
    inputs: int
    equal: int
    first_mismatch: Mismatch | None
    exhaustive: bool

    @property
    def passed(self) -> bool:
        """Whether no input told hardware and table apart."""
        return self.equal == self.inputs

    def __str__(self) -> str:
        """One line for the console."""
        kind = "all" if self.exhaustive else "a sample of"
        line = f"{self.module}: {self.equal} of {kind} {self.inputs} inputs equal"
        if (first := self.first_mismatch) is None:
            return line
        actual = "undefined" if first.actual is None else str(first.actual)
        return f"{line}; first difference at x = {first.input}: {actual}, not {first.expected}"


def units(module: ModuleOp) -> list[TableUnit]:
    """The units of one table each of a converted module, in order."""
    found = units_of(modules_of(module)).values()
    return [unit for unit in found if isinstance(unit, TableUnit)]


def simulate(module: ModuleOp, pipeline: int = 0) -> list[Sweep]:
    """
    Simulate every unit of a module, which is converted to hardware first if it is not yet.

    `pipeline` is the option of that conversion. The module itself stays as it is.
    """
    if not units(module):
        module = module.clone()
        ConvertPwlToHwPass(pipeline=pipeline).apply(Context(), module)
    return sweep(systemverilog.emit(module), units(module))


def sweep(verilog: str, units: Sequence[TableUnit]) -> list[Sweep]:
    """Simulate units of a SystemVerilog text together and compare each with its table."""
    if not units:
        return []
    inputs = [unit.stimuli() for unit in units]
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        for i, (unit, x) in enumerate(zip(units, inputs, strict=True)):
            (directory / f"x{i}.hex").write_text(hexadecimal(x, unit.operand.bits))
        (directory / "units.sv").write_text(verilog)
        (directory / "bench.sv").write_text(_bench(units, [len(x) for x in inputs]))
        icarus.run(directory, BENCH, ["units.sv", "bench.sv"])
        outputs = [(directory / f"y{i}.hex").read_text() for i in range(len(units))]
    return [_compare(*row) for row in zip(units, inputs, outputs, strict=True)]


def vectors(unit: TableUnit) -> str:
    """Test vectors: a line of input and expected output in hexadecimal for each stimulus."""
    x = unit.stimuli()
    y = unit.evaluate(x)
    rows = zip(
        hexadecimal(x, unit.operand.bits).split(),
        hexadecimal(y, unit.result.bits).split(),
        strict=True,
    )
    return "".join(f"{left} {right}\n" for left, right in rows)


def _bench(units: Sequence[TableUnit], counts: Sequence[int]) -> str:
    """A test bench that feeds every unit one input per cycle and records its outputs."""
    parts = [f"module {BENCH};", "  reg clock = 0, reset = 1;"]
    for i, (unit, count) in enumerate(zip(units, counts, strict=True)):
        clocked = ".clock(clock), .reset(reset), " if unit.latency else ""
        clocked += f".{ENABLE}(1'b1), " if unit.enable else ""
        parts += [
            f"  reg [{unit.operand.bits - 1}:0] x{i}, xs{i} [0:{count - 1}];",
            f"  wire [{unit.result.bits - 1}:0] y{i};",
            f"  {unit.module} u{i} ({clocked}.x(x{i}), .y(y{i}));",
        ]
    parts += ["  integer file, n;", "  initial begin", "    #1 clock = 1; #1 clock = 0; reset = 0;"]
    for i, (unit, count) in enumerate(zip(units, counts, strict=True)):
        last = count + unit.latency
        # Inputs change at the falling edge; after `latency` rising edges their result is there.
        parts += [
            f'    $readmemh("x{i}.hex", xs{i}); file = $fopen("y{i}.hex");',
            f"    for (n = 0; n < {last}; n = n + 1) begin",
            f"      if (n < {count}) x{i} = xs{i}[n];",
            f'      #1 if (n >= {unit.latency}) $fdisplay(file, "%h", y{i});',
            "      clock = 1; #1 clock = 0;",
            "    end",
            "    $fclose(file);",
        ]
    return "\n".join([*parts, "    $finish;", "  end", "endmodule", ""])


def _compare(unit: TableUnit, x: Integers, text: str) -> Sweep:
    expected = unit.evaluate(x)
    lines = text.split()
    if len(lines) != len(x):
        raise BackendError(f"{unit.module}: {len(lines)} outputs for {len(x)} inputs")
    actual = [stored_value(line, unit.result.bits, unit.result.signed) for line in lines]
    different = [
        i for i, (a, e) in enumerate(zip(actual, expected.tolist(), strict=True)) if a != e
    ]
    first = None
    if different:
        i = different[0]
        first = Mismatch(int(x[i]), int(expected[i]), actual[i])
    exhaustive = unit.operand.bits <= SWEPT_BITS
    return Sweep(unit.module, len(x), len(x) - len(different), first, exhaustive)
