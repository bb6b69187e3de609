"""
What a streaming unit computes, as attributes of its `hw.module`, and read from them again.

They let a backend check and describe the unit without the code that it was made from; `comment` is
the header that CIRCT writes above the module.
"""

from __future__ import annotations

from xdsl.dialects import hw
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, StringAttr, f64, i64
from xdsl.ir import Attribute

from lut_opt.dialects.pwl import Fit, FitAttr, Table, TableAttr, units
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.row_unit.unit import RowUnit
from lut_opt.passes.hw.table_unit.unit import describe_side, digest


def describe_row_unit(op: hw.HWModuleOp, unit: RowUnit) -> None:
    """Put on a module what it computes."""
    op.attributes.update(_attributes(unit))


def _attributes(unit: RowUnit) -> dict[str, Attribute]:
    semantics = unit.semantics
    attributes: dict[str, Attribute] = {
        "comment": StringAttr(comment(unit)),
        "pwl.rows": StringAttr(unit.function),
        "pwl.length": IntegerAttr(unit.length, i64),
        "pwl.steps": IntegerAttr(unit.steps, i64),
        "pwl.latency": IntegerAttr(unit.latency, i64),
        **({"pwl.lanes": IntegerAttr(unit.lanes, i64)} if unit.lanes > 1 else {}),
        "pwl.operand": UniformQuantizedType.from_quantization(semantics.operand),
        "pwl.result": UniformQuantizedType.from_quantization(semantics.result),
        "pwl.throughput": IntegerAttr(unit.lanes, i64),
        **{
            f"pwl.{name}": UniformQuantizedType.from_quantization(kind)
            for name, kind in semantics.parameters.items()
        },
        **{f"pwl.{name}_fit": FitAttr(fit) for name, fit in unit.fits},
    }
    for name, value in semantics.constants.items():
        attributes[f"pwl.{name}"] = (
            IntegerAttr(value, i64) if isinstance(value, int) else FloatAttr(_real(value), f64)
        )
    return attributes | {f"pwl.{name}": TableAttr(t) for name, t in semantics.tables.items()}


def _real(value: units.Constant) -> float:
    assert isinstance(value, float)
    return value


def row_unit_of(op: hw.HWModuleOp) -> RowUnit | None:
    """What a module says that it computes; None for a module that is not a streaming unit."""
    found = _Reader(op)
    if not isinstance(function := op.attributes.get("pwl.rows"), StringAttr):
        return None
    kind = units.UNITS[function.data]
    given = {name: found.quantization(name) for name in kind.parameter_names()}
    semantics = kind.build(
        found.side("operand"),
        found.side("result"),
        {name: found.table(name) for name in kind.table_names()},
        {name: stored for name, stored in given.items() if stored is not None},
        {name: found.constant(name) for name in kind.constant_names()},
    )
    names = kind.table_names()
    fits = tuple((name, fit) for name in names if (fit := found.fit(name)) is not None)
    length, steps = found.integer("length"), found.integer("steps")
    lanes = found.integer("lanes") if "pwl.lanes" in op.attributes else 1
    return RowUnit(op.sym_name.data, semantics, length, steps, fits, lanes)


class _Reader:
    """The attributes of a module by their names."""

    def __init__(self, op: hw.HWModuleOp) -> None:
        self.attributes = op.attributes

    def integer(self, name: str) -> int:
        """A number that every unit has."""
        attribute = self.attributes[f"pwl.{name}"]
        assert isinstance(attribute, IntegerAttr)
        return attribute.value.data

    def constant(self, name: str) -> int | float:
        """A number that belongs to the meaning."""
        attribute = self.attributes[f"pwl.{name}"]
        assert isinstance(attribute, IntegerAttr | FloatAttr)
        return attribute.value.data

    def table(self, name: str) -> Table:
        """A table that units of this kind have."""
        attribute = self.attributes[f"pwl.{name}"]
        assert isinstance(attribute, TableAttr)
        return attribute.data

    def side(self, name: str) -> Quantization:
        """How a port that every unit has stands for reals."""
        found = self.quantization(name)
        assert found is not None
        return found

    def quantization(self, name: str) -> Quantization | None:
        """How a port stands for reals, None where the unit has no such port."""
        attribute = self.attributes.get(f"pwl.{name}")
        return attribute.quantization if isinstance(attribute, UniformQuantizedType) else None

    def fit(self, name: str) -> Fit | None:
        """A table's certificate, where there is one."""
        attribute = self.attributes.get(f"pwl.{name}_fit")
        return attribute.data if isinstance(attribute, FitAttr) else None


def comment(unit: RowUnit) -> str:
    """The header of the module in SystemVerilog."""
    lanes, semantics = unit.lanes, unit.semantics
    digests = ", ".join(
        f"{name} {table.entries} entries {digest(table)}"
        for name, table in semantics.tables.items()
    )
    rows = f"{unit.length} elements"
    if semantics.variable_length:
        rows = f"1 to {rows}, ended by x_last"
    lines = [
        f"{unit.module}: {unit.function}, row by row, in integers",
        f"  rows:      {rows}",
        f"  tables:    {digests}",
        f"  x:         {describe_side('x', semantics.operand)}",
        f"  y:         {describe_side('y', semantics.result)}",
    ]
    for name, kind in semantics.parameters.items():
        lines.append(f"  {name + ':':<11}{describe_side(name, kind)}")
    if semantics.parameters:
        lines.append("             written at [index] while write is set, before the first row")
    if lanes > 1:
        lines.append(f"  lanes:     {lanes} elements side by side, the first in the lowest bits")
    if unit.shape.keeps:
        lines.append(
            "             x_keep[i], y_keep[i]: lane i holds an element; else y is 0 there"
        )
    each = "one element" if lanes == 1 else f"{lanes} elements"
    lines += [
        f"  latency:   {unit.latency} cycles from first x to first y of a row of {unit.length}",
        f"  rate:      {each} a cycle, row after row; valid and ready on both sides",
        f"  max error: {unit.error_bound:.6g} output steps on any row"
        + (", for |gamma| up to 1" if "gamma" in semantics.parameters else ""),
    ]
    return "\n".join(lines)
