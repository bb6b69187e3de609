"""
A failed `cf.assert` becomes an exception: as MLIR lowers it, it ends the process.

The block that would print and abort stores the message's address in a flag and returns zeros.
"""

from __future__ import annotations

import ctypes
from typing import Any

from lut_opt.backends.execute.lowering import bindings, operations

FLAG = "lut_opt_failed_assertion"


class Flag:
    """Where compiled code leaves the message of the assertion that failed."""

    def __init__(self) -> None:
        self._message = ctypes.c_char_p(None)

    @property
    def address(self) -> int:
        """The symbol's address."""
        return ctypes.addressof(self._message)

    def take(self) -> str | None:
        """The message, which is then forgotten; None if nothing failed."""
        message, self._message.value = self._message.value, None
        return None if message is None else message.decode(errors="replace")


def catch(module: Any) -> bool:
    """Rewrite the assertions of a module in the LLVM dialect, in place; were there any?"""
    ir = bindings("ir")
    aborts = [op for op in operations(module) if _calls(op, "abort")]
    if not aborts:
        return False
    with module.context, ir.Location.unknown():
        pointer = ir.Type.parse("!llvm.ptr")
        declaration = ir.Module.parse(f"llvm.mlir.global external @{FLAG}() : !llvm.ptr")
        module.body.append(declaration.body.operations[0].operation.clone())
        for abort in aborts:
            _return_instead(abort, pointer, ir)
    return True


def _return_instead(abort: Any, pointer: Any, ir: Any) -> None:
    block = abort.block
    function = block.owner
    kind = ir.TypeAttr(function.attributes["function_type"]).value
    result = str(kind).removeprefix("!llvm.func<").split(" (")[0]
    prints = [op.operation for op in block.operations if _calls(op.operation, "puts")]
    end = list(block.operations)[-1].operation
    with ir.InsertionPoint(end):
        flag = ir.Operation.create(
            "llvm.mlir.addressof",
            results=[pointer],
            attributes={"global_name": ir.FlatSymbolRefAttr.get(FLAG)},
        )
        for call in prints:
            ir.Operation.create("llvm.store", operands=[call.operands[0], flag.results[0]])
        values: list[Any] = []
        if result != "void":
            spelled = result if result.startswith("!") or result[0] in "if" else f"!llvm.{result}"
            zero = ir.Operation.create("llvm.mlir.zero", results=[ir.Type.parse(spelled)])
            values.append(zero.results[0])
        ir.Operation.create("llvm.return", operands=values)
    for op in (*prints, abort, end):
        op.erase()


def _calls(op: Any, name: str) -> bool:
    if op.name != "llvm.call" or "callee" not in op.attributes:
        return False
    return str(op.attributes["callee"]) == f"@{name}"
