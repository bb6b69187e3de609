"""A self-checking bench of any hardware unit, and the files that it reads."""

from __future__ import annotations

from functools import singledispatch

from lut_opt.backends.errors import BackendError
from lut_opt.backends.simulate import block_bench
from lut_opt.backends.simulate.axis_bench import adapter
from lut_opt.backends.simulate.row_bench import Stalls, bench, sample, vectors
from lut_opt.backends.simulate.unit_bench import questions
from lut_opt.dialects.pwl.hardware import AxisUnit, BlockUnit, ElementUnit, HardwareUnit, RowUnit


@singledispatch
def bench_files(unit: HardwareUnit, name: str, stalls: Stalls) -> dict[str, str]:
    """The bench, a module `name`, and its vectors; each kind of protocol registers its own."""
    raise BackendError(f"{unit.module} is a unit without a bench: deliver the others without it")


@bench_files.register
def _(unit: ElementUnit, name: str, stalls: Stalls) -> dict[str, str]:
    asked = questions(unit)
    return {**asked.vectors(), f"{name}.sv": asked.bench(name, stalls)}


@bench_files.register
def _(unit: RowUnit, name: str, stalls: Stalls) -> dict[str, str]:
    stimulus = sample(unit)
    return {**vectors(stimulus), f"{name}.sv": bench(stimulus, name, stalls)}


@bench_files.register
def _(unit: AxisUnit, name: str, stalls: Stalls) -> dict[str, str]:
    inner = unit.unit.named(f"{unit.module}_adapter")
    files = bench_files(inner, name, stalls)
    files[f"{name}.sv"] += adapter(unit, inner.module)
    return files


@bench_files.register
def _(unit: BlockUnit, name: str, stalls: Stalls) -> dict[str, str]:
    traffic = {part: block_bench.sample_traffic(inside) for part, inside in unit.units}
    made = block_bench.vectors(traffic, unit)
    return {**made, f"{name}.sv": block_bench.bench(unit, traffic, name, stalls)}
