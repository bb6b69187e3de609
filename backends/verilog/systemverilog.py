"""
SystemVerilog of a module of hardware units, written by CIRCT.

    text = emit(module)      # after `convert-pwl-to-hw`

The text is plain enough for Icarus 11, Verilator 5 and Yosys 0.23: no local variables, no packed
arrays, no automatic functions.
"""

from __future__ import annotations

import importlib
import io
from typing import Any

from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from lut_opt.backends.errors import BackendError
from lut_opt.backends.verilog.latches import lower_storage, name_latches
from lut_opt.backends.verilog.styles import Styles, take_styles, write_styles

PIPELINE = (
    "builtin.module(hw.module(lower-seq-hlmem),lower-seq-to-sv,cse,hw.module(prettify-verilog))"
)
"""CIRCT's passes from memories, registers and combinational logic to what prints well."""

LOWERING_OPTIONS = "locationInfoStyle=none,disallowLocalVariables"
"""Without the second, Icarus and Yosys reject the text."""

ATTRIBUTE_PREFIX = "pwl."
"""Attributes of a unit that only lut-opt reads; CIRCT's tools do not know their types."""

HARDWARE_DIALECTS = frozenset({"hw", "comb", "seq", "sv", "storage"})


def emit(module: ModuleOp) -> str:
    """
    The SystemVerilog of every hardware module, in order.

    Raises `BackendError` if the module is empty or has anything but hardware in it, if CIRCT is not
    installed, or if CIRCT refuses the module.
    """
    text, styles = _circt_text(module)
    circt = _circt()
    try:
        with circt.ir.Context() as context, circt.ir.Location.unknown():
            circt.register_dialects(context)
            parsed = circt.ir.Module.parse(text)
            circt.passmanager.PassManager.parse(PIPELINE).run(parsed.operation)
            stream = io.StringIO()
            circt.export_verilog(parsed, stream)
    except circt.ir.MLIRError as error:
        raise BackendError(f"CIRCT refuses the hardware module: {error}") from error
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return write_styles(name_latches("\n".join(lines).strip() + "\n"), styles)


def _circt() -> Any:
    """CIRCT's Python bindings, which have no type stubs."""
    try:
        circt: Any = importlib.import_module("pycde.circt")
        importlib.import_module("pycde.circt.passmanager")
    except ImportError as error:
        raise BackendError(
            "SystemVerilog needs CIRCT, which is not installed: pip install 'lut-opt[rtl]'"
        ) from error
    return circt


def _circt_text(module: ModuleOp) -> tuple[str, Styles]:
    """The module with CIRCT's options and without what it does not know: where memories belong."""
    module = module.clone()
    if not module.body.block.first_op:
        raise BackendError("the module is empty: there is no hardware to write")
    for op in module.ops:
        _check(op)
        if isinstance(op, hw.HWModuleOp):
            for name in [n for n in op.attributes if n.startswith(ATTRIBUTE_PREFIX)]:
                del op.attributes[name]
    styles = take_styles(module)
    lower_storage(module)
    module.attributes.clear()
    module.attributes["circt.loweringOptions"] = StringAttr(LOWERING_OPTIONS)
    return str(module), styles


def _check(top: Operation) -> None:
    for op in top.walk():
        if op.name.partition(".")[0] not in HARDWARE_DIALECTS:
            raise BackendError(
                f"'{op.name}' is not hardware and has no SystemVerilog: "
                "run --convert-pwl-to-hw (after --pwl-search) first"
            )
