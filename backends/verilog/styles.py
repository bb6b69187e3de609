"""
Where memories belong: the attribute of Verilog that synthesizers for FPGAs obey.

    (* ram_style = "block" *) reg [31:0] gammas[0:383];

CIRCT's memories carry no attributes of their own, so they are written into its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp, StringAttr

from lut_opt.backends.errors import BackendError
from lut_opt.dialects.memory import RAM_STYLE, MemoryOp
from lut_opt.dialects.storage import ROM_STYLE, RomOp

Styles = Mapping[str, Mapping[str, str]]
"""By module and memory."""


def take_styles(module: ModuleOp) -> Styles:
    """The styles of all memories, which lose them."""
    return {
        op.sym_name.data: dict(_styles(op)) for op in module.ops if isinstance(op, hw.HWModuleOp)
    }


def write_styles(verilog: str, styles: Styles) -> str:
    """The text with the attribute before each memory that has one."""
    parts = re.split(r"^(?=module \w)", verilog, flags=re.MULTILINE)
    return "".join(_written(part, styles) for part in parts)


def _styles(op: hw.HWModuleOp) -> Iterator[tuple[str, str]]:
    for memory in op.walk():
        if isinstance(memory, MemoryOp | RomOp):
            kind = RAM_STYLE if isinstance(memory, MemoryOp) else ROM_STYLE
            style = memory.attributes.pop(kind, None)
            if isinstance(style, StringAttr):
                yield memory.memory_name.data, f'{kind} = "{style.data}"'


def _written(part: str, styles: Styles) -> str:
    named = re.match(r"module (\w+)", part)
    own: Mapping[str, str] = {} if named is None else styles.get(named[1], {})
    for memory, style in own.items():
        declared = rf"^( *)(reg\b[^;\n]*\b{re.escape(memory)}\[0:\d+\];)$"
        attribute = rf"\1(* {style} *)\n\1\2"
        part, count = re.subn(declared, attribute, part, flags=re.MULTILINE)
        if count != 1:
            raise BackendError(f"the memory {memory} is not in the SystemVerilog as it was meant")
    return part


__all__ = ["Styles", "take_styles", "write_styles"]
