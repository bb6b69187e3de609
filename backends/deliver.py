"""
What goes with a hardware unit to whoever builds it in: files that need nothing of this project.

    <module>/<module>.sv           the unit, whose header says what it computes and how well
    <module>/<module>_bench.sv     a self-checking bench, which ends with PASS or FAIL
    <module>/x.hex, y.hex, …       its vectors
    <module>/<module>.json         ports, widths, scales, latency, tables, certificates
    <module>/README.txt            the one command that runs the bench

    write(bundle(module), Path("units"))
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends import json, systemverilog
from lut_opt.backends.icarus import hexadecimal
from lut_opt.backends.row_bench import Stalls, bench, sample, vectors
from lut_opt.backends.simulate import stimuli
from lut_opt.backends.systemverilog import BackendError
from lut_opt.passes.hw.row_attributes import row_unit_of
from lut_opt.passes.hw.unit import Unit, unit_of

STALLS = Stalls(share=0.25, seed=1)
"""How both sides of a streaming unit pause in its bench."""


def bundle(module: ModuleOp) -> dict[str, str]:
    """
    The files of every hardware unit of a module, by their relative names.

    Raises `BackendError` if there is none, or for a unit that has no bench.
    """
    modules = {op.sym_name.data: op for op in module.walk() if isinstance(op, hw.HWModuleOp)}
    if not modules:
        raise BackendError("there is no hardware to deliver: run --convert-pwl-to-hw first")
    used = {name for op in modules.values() for name in _instances(op)}
    files: dict[str, str] = {}
    for name, op in modules.items():
        made = _bench(op)
        if made is None and name in used:
            continue
        if made is None:
            raise BackendError(f"{name} is a module without a bench: deliver the others without it")
        parts = [modules[part].clone() for part in sorted(_instances(op)) if part in modules]
        made |= {
            f"{name}.sv": systemverilog.emit(ModuleOp([*parts, op.clone()])),
            f"{name}.json": json.emit(ModuleOp([op.clone()])),
            "README.txt": _readme(name),
        }
        files |= {f"{name}/{file}": text for file, text in made.items()}
    return files


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write a folder whole or not at all; it must not exist yet, or be empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackendError("it exists and is not an empty folder: name another")
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    try:
        for name, text in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_text(text)
        os.replace(part, folder)
    except OSError as error:
        raise BackendError(f"cannot write: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _instances(op: hw.HWModuleOp) -> set[str]:
    """Names of the modules that a module instantiates."""
    return {
        inner.module_name.root_reference.data
        for inner in op.walk()
        if isinstance(inner, hw.InstanceOp)
    }


def _bench(op: hw.HWModuleOp) -> dict[str, str] | None:
    """Bench and vectors of a unit, None for a module that has no bench."""
    name = f"{op.sym_name.data}_bench"
    if (rows := row_unit_of(op)) is not None:
        stimulus = sample(rows)
        return {**vectors(stimulus), f"{name}.sv": bench(stimulus, name, STALLS)}
    if (unit := unit_of(op)) is not None:
        x = stimuli(unit)
        return {
            "x.hex": hexadecimal(x, unit.operand.bits),
            "y.hex": hexadecimal(unit.evaluate(x), unit.result.bits),
            f"{name}.sv": table_bench(unit, name, len(x)),
        }
    return None


def table_bench(unit: Unit, name: str, count: int) -> str:
    """A bench that feeds one input a cycle, and checks each result `latency` cycles later."""
    bits, out_bits = unit.operand.bits, unit.result.bits
    clocked = ".clock(clock), .reset(reset), " if unit.latency else ""
    return f"""// Self-checking bench of {unit.module}: {count} inputs.
module {name};
  reg clock = 0, reset = 1;
  reg [{bits - 1}:0] x = 0, xs [0:{count - 1}];
  reg [{out_bits - 1}:0] ys [0:{count - 1}];
  wire [{out_bits - 1}:0] y;
  integer i, wrong = 0;
  {unit.module} unit ({clocked}.x(x), .y(y));
  initial begin
    $readmemh("x.hex", xs);
    $readmemh("y.hex", ys);
    #1 clock = 1; #1 clock = 0; reset = 0;
    for (i = 0; i < {count + unit.latency}; i = i + 1) begin
      if (i < {count}) x = xs[i];
      #1 if (i >= {unit.latency} && y !== ys[i - {unit.latency}]) begin
        if (wrong < 10)
          $display("x = %h gives %h, not %h", xs[i - {unit.latency}], y, ys[i - {unit.latency}]);
        wrong = wrong + 1;
      end
      clock = 1; #1 clock = 0;
    end
    if (wrong == 0) begin
      $display("PASS: all {count} results of {unit.module} are right");
      $finish;
    end else begin
      $display("FAIL: %0d of {count} results of {unit.module} are wrong", wrong);
      $fatal(1);
    end
  end
endmodule
"""


def _readme(name: str) -> str:
    sources = f"{name}_bench.sv {name}.sv"
    return f"""In this folder, with Icarus Verilog:

    iverilog -g2012 -s {name}_bench -o {name}.vvp {sources} && vvp -N {name}.vvp

or with Verilator 5:

    verilator --binary --timing -Wno-fatal --top {name}_bench {sources} && obj_dir/V{name}_bench

The last line says PASS or FAIL, and the exit code is 0 or another.
"""
