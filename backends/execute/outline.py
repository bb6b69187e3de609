"""
Loops of a large function become functions of their own, and equal ones the same.

LLVM's time grows faster than a function does, and layer after layer of a network has the same loops
on other weights: those are arguments, so that one copy is compiled of what differs in nothing else.
"""

from __future__ import annotations

from typing import Any

from lut_opt.backends.execute.bindings import operations, owner
from lut_opt.backends.execute.lowering import bindings, functions
from lut_opt.backends.execute.vector_code import name

_FEW = 16
"""Loops of a function that stay where they are: LLVM is quick with them."""

_NAME = "lut_opt_loop_"

_APART = "lut_opt.apart"
"""Attribute of a function: which of its arguments, as LLVM has them, share no memory."""

_VIEWS = ("memref.expand_shape", "memref.collapse_shape", "memref.subview", "memref.cast")
"""What looks at a buffer in another way."""

_COPIED = (*_VIEWS, "arith.constant", "ub.poison")
"""What a loop's function has of its own, as it costs nothing."""

_OWN = ("memref.alloc", "memref.get_global")
"""What has memory of its own."""


def use(module: Any) -> None:
    """Move the loops of functions that have many, in place; a module on buffers."""
    known: dict[str, str] = {}
    for function in functions(module):
        loops = [
            op.operation
            for block in _blocks(function)
            for op in block.operations
            if _is_loop(op.operation)
        ]
        if len(loops) > _FEW:
            for loop in loops:
                _Outlined(loop).move(module, known)


def keep(module: Any) -> None:
    """
    Have LLVM leave them where they are, in place; a module in the LLVM dialect.

    Which of their arguments share no memory, it knew inside of one function.
    """
    ir = bindings("ir")
    with module.context:
        apart = ir.DictAttr.get({"llvm.noalias": ir.UnitAttr.get()})
        for op in (each.operation for each in module.body.operations):
            if _APART not in op.attributes:
                continue
            flags = [apart if flag else ir.DictAttr.get({}) for flag in op.attributes[_APART]]
            op.attributes["arg_attrs"] = ir.ArrayAttr.get(flags)
            op.attributes["passthrough"] = ir.ArrayAttr.get([ir.StringAttr.get("noinline")])
            del op.attributes[_APART]


def _is_loop(op: Any) -> bool:
    """Whether an operation is a loop, or becomes one, that leaves all it does in memory."""
    loops = op.name in ("scf.for", "memref.copy") or op.name.startswith("linalg.")
    if not loops or op.results:
        return False
    # An assertion that fails ends the function that it stands in.
    return all(inner.name != "cf.assert" for inner in operations(op))


class _Outlined:
    """A loop with what it needs from outside."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._copied: list[Any] = []
        """Operations before the loop, what needs another after it."""
        self._arguments: list[Any] = []
        inside = operations(loop)
        self._inside = {*inside, *(block for op in inside for block in _blocks(op))}
        for op in inside:
            for value in op.operands:
                self._need(value)

    def _need(self, value: Any) -> None:
        made_by = owner(value)
        if made_by in self._inside or made_by in self._copied or value in self._arguments:
            return
        if name(value) not in _COPIED:
            self._arguments.append(value)
            return
        for operand in made_by.operands:
            self._need(operand)
        self._copied.append(made_by)

    def move(self, module: Any, known: dict[str, str]) -> None:
        """Call a function of the loop instead, the one that there is already if one is equal."""
        ir = bindings("ir")
        with module.context, self._loop.location:
            made = self._function(ir)
            text = made.get_asm(print_generic_op_form=True)
            if text in known:
                made.erase()
            else:
                known[text] = f"{_NAME}{len(known)}"
                made.attributes["sym_name"] = ir.StringAttr.get(known[text])
                module.body.append(made)
            ir.Operation.create(
                "func.call",
                operands=self._arguments,
                attributes={"callee": ir.FlatSymbolRefAttr.get(known[text])},
                ip=ir.InsertionPoint(self._loop),
            )
        self._loop.erase()

    def _function(self, ir: Any) -> Any:
        """A private function, not in a module yet, that takes the arguments and does the loop."""
        kinds = [value.type for value in self._arguments]
        made = ir.Operation.create(
            "func.func",
            attributes={
                "sym_name": ir.StringAttr.get(_NAME),
                "sym_visibility": ir.StringAttr.get("private"),
                "function_type": ir.TypeAttr.get(ir.FunctionType.get(kinds, [])),
                _APART: ir.ArrayAttr.get([ir.BoolAttr.get(flag) for flag in self._apart(ir)]),
            },
            regions=1,
        )
        block = made.regions[0].blocks.append(*kinds)
        values = list(zip(self._arguments, block.arguments, strict=True))
        for op in (*self._copied, self._loop):
            own = op.clone(ir.InsertionPoint(block))
            for inner in operations(own):
                for old, new in values:
                    inner.replace_uses_of_with(old, new)
            values += zip(op.results, own.results, strict=True)
        ir.Operation.create("func.return", ip=ir.InsertionPoint(block))
        return made

    def _apart(self, ir: Any) -> list[bool]:
        """Which of LLVM's arguments share no memory with others, none if that is unknown of one."""
        flags: list[bool] = []
        known = all(name(value) in _OWN for value in self._arguments if _is_buffer(value))
        for value in self._arguments:
            flags.append(False)
            if _is_buffer(value):
                # Of memory, of its first element; then offset, sizes and strides.
                rank = ir.MemRefType(value.type).rank
                flags += [known, *[False] * (1 + 2 * rank)]
        return flags


def _is_buffer(value: Any) -> bool:
    return str(value.type).startswith("memref<")


def _blocks(op: Any) -> list[Any]:
    return [block for region in op.regions for block in region.blocks]
