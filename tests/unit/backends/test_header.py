"""The C header of a programmable unit: a C compiler reads the writes that the unit has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tables import TWO
from xdsl.context import Context

from lut_opt.backends.header import header_of
from lut_opt.dialects.assembly import parse
from lut_opt.dialects.assembly.context import context
from lut_opt.dialects.pwl.hardware import ProgrammableUnit, StreamUnit
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.support.options import from_text

PROGRAM = """
#include <stdio.h>
#include "unit.h"
int main(void) {
  for (unsigned i = 0; i < sizeof NAME / sizeof NAME[0]; i++)
    printf("%u %llu\\n", NAME[i].address, (unsigned long long) NAME[i].data);
  printf("%d %d %d\\n", UPPER_SLOPES_ADDRESS, UPPER_BREAKPOINTS_COUNT, UPPER_DATA_BITS);
}
"""


def test_a_compiler_reads_the_writes(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    module = parse(TWO, "two.mlir", context()).module
    options = "unit=programmable interface=stream pipeline=1 entries=4 target=fpga"
    from_text(ConvertPwlToHwPass, options).apply(Context(), module)
    unit, stream = units_of(modules_of(module)).values()
    assert isinstance(unit, ProgrammableUnit)
    assert isinstance(stream, StreamUnit)
    text = header_of(unit)
    assert text is not None
    assert header_of(stream) == text
    assert header_of(stream.unit) == text
    (tmp_path / "unit.h").write_text(text)
    for program in unit.programs:
        source = PROGRAM.replace("NAME", f"{unit.module}_{program.function}")
        (tmp_path / "main.c").write_text(source.replace("UPPER", unit.module.upper()))
        command = [compiler, "-std=c99", "-Wall", "-Werror", "-Wno-unused", "-o", "main", "main.c"]
        subprocess.run(command, cwd=tmp_path, check=True)
        done = subprocess.run(["./main"], cwd=tmp_path, check=True, capture_output=True, text=True)
        *writes, layout = (tuple(map(int, line.split())) for line in done.stdout.splitlines())
        assert writes == [tuple(write) for write in program.writes]
        assert layout == (0, 3, unit.layout.data_bits)
