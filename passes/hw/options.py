"""The options of `convert-pwl-to-hw`, and what the builders of units are asked for."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lut_opt.passes.hw.table_unit.circuits import implementations
from lut_opt.passes.support.options import choice

if TYPE_CHECKING:
    from lut_opt.passes.hw.cost.model import Family
    from lut_opt.passes.hw.datapath.multiply import Multiplier
    from lut_opt.passes.hw.programmable.registers import Storage
    from lut_opt.passes.hw.programmable.unit import Clocking
    from lut_opt.passes.hw.row_unit.units import Build
    from lut_opt.passes.hw.shared import SharedRequest
    from lut_opt.passes.hw.table_unit.implementations import Request

MAX_LANES = 64


def _check_units(names: Collection[str]) -> None:
    # Loaded where it is needed: `lut-opt --help` describes options, and computes nothing.
    from lut_opt.dialects.pwl.units import UNITS

    if unknown := [name for name in names if name not in UNITS]:
        raise ValueError(f"host takes names of units ({', '.join(UNITS)}), got '{unknown[0]}'")


@dataclass(frozen=True)
class HwOptions:
    """
    Fields that become options; each has its meaning below it.

    What builds units is imported when there is a unit to build: its dialects cost every other run
    20 ms.
    """

    pipeline: int = 0
    """Register stages of each table, 0 to 4; of programmable units of integers 0 to 6, of floats 0
    to 8. A new input may enter in every cycle. From 3 on softmax shifts and rounds in stages
    apart."""

    select: Literal["chain", "binary"] = "chain"
    """How slope and intercept are chosen: a chain of multiplexers, or a balanced tree."""

    multiplier: Literal["auto", "recoded", "inferred"] = "auto"
    """Rows of slopes recoded beforehand (small), or a `*`, which multiplier blocks of FPGAs take;
    `auto`: as the target has it."""

    implementation: str = choice("compare", implementations)
    """The circuit; each has its meaning in the registry."""

    objective: Literal["area", "delay", "power"] = "area"
    """What `auto` makes small."""

    cost: Literal["model", "synthesis"] = "model"
    """How `auto` knows: by a model fitted to synthesis, or by synthesizing each with Yosys (for
    target=fpga: LUTs)."""

    liberty: tuple[str, ...] = ()
    """Liberty files (`.lib`, `.lib.gz`) for cost=synthesis; generic gates without."""

    allow_exact: bool = False
    """
    Let `auto` also take the correctly rounded function, directly, in place of the table, where that
    costs less: it errs less, but the unit is then not equal to what other lowerings compute.
    """

    row: int = 0
    """Elements of a row for softmax and norms whose rows are dynamic (softmax: of the longest)."""

    host: tuple[str, ...] = ()
    """Units of which no module is made, since the host computes them: `divide`, `softmax`, …"""

    lanes: int = 1
    """Elements that softmax and norms take and give in a cycle: a power of two up to 64."""

    share_norms: bool = False
    """Make one unit of all norms of as long rows, the same storage and tables: `select`
    (`s_axis_tuser`) says whose row it is, each operator's gamma and beta stay loaded."""

    unit: Literal["fixed", "programmable", "multi"] = "fixed"
    """A unit for each table; units whose table software writes; all tables behind a select."""

    interface: Literal["plain", "stream", "axis"] = "plain"
    """A result some cycles after its input; valid and ready at both ends; or AXI4-Stream around
    that (`s_axis_tdata`, `m_axis_tdata`, `aclk`, `aresetn`), around softmax and norms too."""

    top: str = ""
    """Of interface=axis: a module of this name around all units, each with its streams under the
    name of its function (`s_axis_softmax_tdata`)."""

    target: Literal["asic", "fpga"] = "asic"
    """Cells: recoded multipliers, streams that gate their clock. `fpga`: inferred multipliers,
    streams by clock enables, costs in LUTs, memories and direct tables from a quarter of the
    family's block RAM on in such (4.5 Kbit on xc7 and ECP5; on iCE40 tables from 1 Kbit, memories
    from 256 bits)."""

    family: Literal["xc7", "ice40", "ecp5"] | None = None
    """Of target=fpga: what cost=synthesis and `-t report` map units to (default: xc7)."""

    entries: int = 8
    """Of programmable units: a power of two from 2 to 64."""

    storage: Literal["auto", "flipflop", "gated", "latch", "memory"] = "auto"
    """Of programmable units: what holds the table; `gated` are flip-flops, a clock gate a word.
    `memory` is for FPGAs: slopes and intercepts in memories, breakpoints in flip-flops; `auto`:
    that where such memories are distributed over LUTs (xc7, ECP5), else flip-flops."""

    breakpoints: Literal["free", "uniform"] = "free"
    """Of programmable units: words of the table, or none where upper input bits are the segment."""

    number_format: Literal["integer", "float32"] = "integer"
    """Of programmable units: tables as they are, or as single-precision numbers on reals."""

    subnormals: Literal["flush", "keep"] = "flush"
    """Of single-precision units: what becomes of numbers below 2^-126."""

    def __post_init__(self) -> None:
        if self.implementation not in (known := implementations()):
            raise ValueError(
                f"option 'implementation' takes {'|'.join(known)}, got '{self.implementation}'"
            )
        if self.host:
            _check_units(self.host)
        if self.row < 0:
            raise ValueError(f"row must not be negative, got {self.row}")
        if not 1 <= self.lanes <= MAX_LANES or self.lanes & (self.lanes - 1):
            raise ValueError(
                f"lanes must be a power of two from 1 to {MAX_LANES}, got {self.lanes}"
            )
        asked = (self.objective, self.cost, self.liberty, self.allow_exact)
        if self.implementation != "auto" and asked != ("area", "model", (), False):
            raise ValueError(
                "objective, cost, liberty and allow-exact guide implementation=auto: add it"
            )
        self._check_top()
        fpga = self.target == "fpga"
        if self.family is not None and not fpga:
            raise ValueError(f"family={self.family} is one of FPGAs: add target=fpga")
        if fpga and (self.liberty or (self.cost == "synthesis" and self.objective != "area")):
            raise ValueError(
                "target=fpga counts LUTs: leave out liberty, and objective with cost=synthesis"
            )
        if self.storage == "memory" and not fpga:
            raise ValueError("storage=memory is for FPGAs: add target=fpga, or use latch")
        if self.unit != "fixed":
            self.shared_request().check()
            return
        if self.pipeline == 0:
            return
        from lut_opt.passes.hw.datapath.fixed import MAX_PIPELINE

        if not 0 <= self.pipeline <= MAX_PIPELINE:
            raise ValueError(f"pipeline must be between 0 and {MAX_PIPELINE}, got {self.pipeline}")

    def _check_top(self) -> None:
        if not self.top:
            return
        if re.fullmatch(r"[a-zA-Z_]\w*", self.top, re.ASCII) is None:
            raise ValueError(f"top names a module: letters, digits and _, got '{self.top}'")
        if self.interface != "axis":
            raise ValueError(f"top={self.top} has ports of AXI4-Stream: add interface=axis")
        if self.unit == "programmable":
            raise ValueError(f"top={self.top} has no ports that write tables: unit=fixed or multi")

    @property
    def fpga(self) -> Family | None:
        """The family of FPGAs that units are for, if they are for one."""
        return (self.family or "xc7") if self.target == "fpga" else None

    @property
    def multiplication(self) -> Multiplier:
        """How products are built."""
        if self.multiplier == "recoded":
            return "recoded"
        if self.target == "fpga":
            return "block"
        return "recoded" if self.multiplier == "auto" else "inferred"

    @property
    def table_storage(self) -> Storage:
        """What holds tables that software writes."""
        if self.storage == "auto":
            from lut_opt.passes.hw.placement import SMALL

            distributed = self.fpga is not None and SMALL[self.fpga] == "distributed"
            return "memory" if distributed else "flipflop"
        return self.storage

    @property
    def clocking(self) -> Clocking:
        """How registers are made to wait."""
        if self.interface == "plain":
            return "free"
        return "enable" if self.target == "fpga" else "gate"

    def fixed_request(self) -> Request:
        """What is asked for of units of one table each."""
        from lut_opt.passes.hw.datapath.fixed import Style
        from lut_opt.passes.hw.placement import least_bits
        from lut_opt.passes.hw.table_unit.implementations import Request

        return Request(
            self.implementation,
            self.objective,
            (self.fpga or self.cost) if self.cost == "synthesis" else self.cost,
            self.liberty,
            self.allow_exact,
            Style(self.select, self.multiplication),
            self.clocking == "enable",
            0 if self.fpga is None else least_bits(self.fpga),
        )

    def shared_request(self) -> SharedRequest:
        """What is asked for of units that tables share."""
        from lut_opt.passes.hw.shared import SharedRequest

        return SharedRequest(
            self.unit,
            self.entries,
            self.table_storage,
            self.number_format,
            self.subnormals == "flush",
            self.clocking,
            self.pipeline,
            self.implementation,
            self.select,
            self.multiplication,
            self.breakpoints == "uniform",
        )

    def row_build(self) -> Build:
        """How softmax and norms are built."""
        from lut_opt.passes.hw.row_unit.units import Build

        tables = self.pipeline, self.select, self.multiplication
        return Build(self.row, *tables, self.lanes, self.share_norms)
