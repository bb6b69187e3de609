"""
`storage` operations in CIRCT's own terms, just before its tools read the module.

A latch becomes a Verilog register that a level-sensitive block assigns, a memory that is never
written an array of registers that an initial block assigns, one that is never reset an array that
its write port assigns (CIRCT's own lowering asks every memory's reset). xDSL does not know CIRCT's
`sv` dialect, so these operations are unregistered ones, which print in generic form.
"""

from __future__ import annotations

import re

from xdsl.dialects import comb, hw
from xdsl.dialects.builtin import (
    ArrayAttr,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    StringAttr,
    UnregisteredAttr,
    UnregisteredOp,
    i1,
    i32,
)
from xdsl.dialects.seq import ClockType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.utils.hints import isa

from lut_opt.dialects.memory import MemoryOp, ReadPortOp, WritePortOp
from lut_opt.dialects.storage import GateOp, InvertOp, LatchOp, RomOp

_REGISTER = UnregisteredAttr.with_name_and_type("hw.inout", True)

_RISING = IntegerAttr(0, i32)
"""CIRCT's number for a clock edge."""

_LEVEL_SENSITIVE = re.compile(r"\balways @\*")


def lower_storage(module: ModuleOp) -> None:
    """Replace the `storage` operations of a module in place."""
    for op in list(module.walk()):
        if isinstance(op, LatchOp):
            _lower_latch(op)
        elif isinstance(op, InvertOp):
            clock = _from_clock(op, op.clock)
            one = hw.ConstantOp(1, 1)
            inverted = comb.XorOp([clock, one.result])
            _replace(op, [one, inverted, _to_clock(inverted.result)])
        elif isinstance(op, GateOp):
            both = comb.AndOp([_from_clock(op, op.clock), op.enable])
            _replace(op, [both, _to_clock(both.result)])
        elif isinstance(op, RomOp):
            _lower_rom(op)
        elif isinstance(op, MemoryOp) and isinstance(op.rst.owner, hw.ConstantOp):
            _lower_memory(op)


def name_latches(verilog: str) -> str:
    """
    Say `always_latch` where CIRCT, which has no such block, wrote `always @*`.

    Only latches are written with it here; `always_latch` tells the reader and every tool that they
    are meant.
    """
    return _LEVEL_SENSITIVE.sub("always_latch", verilog)


def _lower_latch(op: LatchOp) -> None:
    kind = _REGISTER("hw.inout", True, False, str(op.result.type))
    hint = op.attributes.get("sv.namehint")
    name = hint if isinstance(hint, StringAttr) else StringAttr(op.result.name_hint or "latch")
    register = _op("sv.reg", [], [kind], {"name": name})
    # Icarus has no part selects in level-sensitive blocks, so these get names before.
    data, level = op.data, _from_clock(op, op.clock)
    wires: list[Operation] = []
    if isinstance(data.owner, comb.ExtractOp):
        wires.append(_wire(data, f"{name.data}_data"))
        data = wires[-1].results[0]
    if isinstance(op.clock.owner, Operation):
        wires.append(_wire(level, f"{name.data}_open"))
        level = wires[-1].results[0]
    assign = _op("sv.bpassign", [register.results[0], data], [])
    branch = _op("sv.if", [level], [], regions=[Region(Block([assign])), Region()])
    block = _op("sv.always", [], [], {"events": ArrayAttr([])}, [Region(Block([branch]))])
    read = _op("sv.read_inout", [register.results[0]], [op.result.type])
    _replace(op, [*wires, register, block, read])


def _bits(value: SSAValue) -> int:
    kind = value.type
    assert isa(kind, IntegerType)
    return kind.bitwidth


def _lower_rom(op: RomOp) -> None:
    """A memory, what it holds from the start on, and the word at the address."""
    word, name = op.data.type, {"name": op.memory_name}
    data_bits, address_bits = _bits(op.data), _bits(op.address)
    words = _REGISTER("hw.inout", True, False, f"uarray<{len(op.words)}x{word}>")
    place = _REGISTER("hw.inout", True, False, str(word))
    memory = _op("sv.reg", [], [words], dict(name))
    first: list[Operation] = []
    for at, pattern in enumerate(op.patterns):
        index = hw.ConstantOp(at, address_bits)
        held = hw.ConstantOp(pattern, data_bits)
        target = _op("sv.array_index_inout", [memory.results[0], index.result], [place])
        assign = _op("sv.bpassign", [target.results[0], held.result], [])
        first += [index, held, target, assign]
    begin = _op("sv.initial", [], [], regions=[Region(Block(first))])
    found = _op("sv.array_index_inout", [memory.results[0], op.address], [place])
    _replace(op, [memory, begin, found, _op("sv.read_inout", [found.results[0]], [word])])


def _lower_memory(op: MemoryOp) -> None:
    """A memory without a reset, its writes, and the words at the addresses that are read."""
    word = op.handle.type.element
    place = _REGISTER("hw.inout", True, False, str(word))
    words = _REGISTER("hw.inout", True, False, f"uarray<{op.handle.type.words.data}x{word}>")
    memory = _op("sv.reg", [], [words], {"name": op.memory_name})

    def at(address: SSAValue) -> Operation:
        return _op("sv.array_index_inout", [memory.results[0], address], [place])

    for port in [use.operation for use in op.handle.uses]:
        if isinstance(port, ReadPortOp):
            found = at(port.address)
            _replace(port, [found, _op("sv.read_inout", [found.results[0]], [word])])
        elif isinstance(port, WritePortOp):
            assert port.enable is not None
            target = at(port.address)
            assign = _op("sv.passign", [target.results[0], port.data], [])
            stored = Region(Block([target, assign]))
            branch = _op("sv.if", [port.enable], [], regions=[stored, Region()])
            level = _from_clock(port, op.clk)
            bodies = [Region(Block([branch])), Region(Block())]
            _replace(port, [_op("sv.alwaysff", [level], [], {"clockEdge": _RISING}, bodies)])
    _replace(op, [memory])


def _wire(value: SSAValue, name: str) -> Operation:
    return _op("hw.wire", [value], [value.type], {"name": StringAttr(name)})


def _from_clock(op: Operation, clock: SSAValue) -> SSAValue:
    convert = _op("seq.from_clock", [clock], [i1])
    parent = op.parent
    assert parent is not None
    parent.insert_op_before(convert, op)
    return convert.results[0]


def _to_clock(level: SSAValue) -> Operation:
    return _op("seq.to_clock", [level], [ClockType()])


def _replace(op: Operation, others: list[Operation]) -> None:
    parent = op.parent
    assert parent is not None
    parent.insert_ops_before(others, op)
    for result, made in zip(op.results, others[-1].results, strict=True):
        result.replace_all_uses_with(made)
    parent.erase_op(op)


def _op(
    name: str,
    operands: list[SSAValue],
    results: list[Attribute],
    properties: dict[str, Attribute] | None = None,
    regions: list[Region] | None = None,
) -> Operation:
    kind = UnregisteredOp.with_name(name)
    return kind.create(
        operands=operands,
        result_types=results,
        properties=properties or {},
        regions=regions or [],
    )


__all__ = ["lower_storage", "name_latches"]
