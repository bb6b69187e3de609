"""What hardware modules compute: typed attributes behind one protocol. Above tables and units."""

from lut_opt.dialects.pwl.hardware.attributes import (
    UNIT,
    UNIT_ATTRIBUTES,
    AroundAttr,
    AxisUnitAttr,
    BlockUnitAttr,
    DivideUnitAttr,
    ProgrammableUnitAttr,
    RowUnitAttr,
    SelectUnitAttr,
    StreamUnitAttr,
    TableUnitAttr,
    UnitAttr,
    unit_attribute,
)
from lut_opt.dialects.pwl.hardware.axis_unit import AxisUnit
from lut_opt.dialects.pwl.hardware.block_unit import BlockUnit
from lut_opt.dialects.pwl.hardware.divide_unit import DivideUnit
from lut_opt.dialects.pwl.hardware.programmable_unit import (
    ENTRIES,
    CellKind,
    Layout,
    Program,
    ProgrammableUnit,
    Stored,
    Write,
)
from lut_opt.dialects.pwl.hardware.row_unit import RowUnit
from lut_opt.dialects.pwl.hardware.stream_unit import StreamUnit
from lut_opt.dialects.pwl.hardware.table_unit import (
    SWEPT_BITS,
    SelectUnit,
    TableUnit,
    storage_of,
)
from lut_opt.dialects.pwl.hardware.unit import (
    ENABLE,
    Description,
    ElementUnit,
    HardwareUnit,
    Port,
    Tabulated,
)

__all__ = [
    "ENABLE",
    "ENTRIES",
    "SWEPT_BITS",
    "UNIT",
    "UNIT_ATTRIBUTES",
    "AroundAttr",
    "AxisUnit",
    "AxisUnitAttr",
    "BlockUnit",
    "BlockUnitAttr",
    "CellKind",
    "Description",
    "DivideUnit",
    "DivideUnitAttr",
    "ElementUnit",
    "HardwareUnit",
    "Layout",
    "Port",
    "Program",
    "ProgrammableUnit",
    "ProgrammableUnitAttr",
    "RowUnit",
    "RowUnitAttr",
    "SelectUnit",
    "SelectUnitAttr",
    "Stored",
    "StreamUnit",
    "StreamUnitAttr",
    "TableUnit",
    "TableUnitAttr",
    "Tabulated",
    "UnitAttr",
    "Write",
    "storage_of",
    "unit_attribute",
]
