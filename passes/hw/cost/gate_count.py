"""
The gates of a module: what the cost model weighs.

    count_gates(module).kinds   # {"and": 61, "xor": 20, "mux": 14, "register": 0}

Every operation is built from gates as a synthesizer would, in a network that makes each function
once (`gates.py`), and what no output needs is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import repeat

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import Operation, SSAValue

from lut_opt.passes.hw.builder.circuit import bits_of
from lut_opt.passes.hw.cost.gates import Bits, GateCount, Gates, Pattern


def count_gates(module: hw.HWModuleOp) -> GateCount:
    """
    The gates that the outputs of a module need, registers transparent.

    Knows the operations that fixed units are made of; raises `ValueError` for any other.
    """
    gates, values = evaluate_gates(module)
    ops = list(module.body.block.ops)
    outputs = [value for op in ops if isinstance(op, hw.OutputOp) for value in op.operands]
    count = gates.needed([bit for value in outputs for bit in values[value]])
    registers = [op.results[0] for op in ops if isinstance(op, seq.CompRegOp)]
    return replace(count, kinds={**count.kinds, "register": sum(map(bits_of, registers))})


def evaluate_gates(module: hw.HWModuleOp) -> tuple[Gates, dict[SSAValue, Bits]]:
    """The network of a module, and the patterns of all its values."""
    block = module.body.block
    ports = [port for port in block.args if isinstance(port.type, IntegerType)]
    gates = Gates(sum(bits_of(port) for port in ports))
    values: dict[SSAValue, Bits] = {}
    free = iter(gates.inputs)
    for port in ports:
        values[port] = [next(free) for _ in range(bits_of(port))]
    for op in block.ops:
        if op.results:
            operands = [values.get(value, []) for value in op.operands]
            values[op.results[0]] = _evaluate(gates, op, operands)
    return gates, values


def _evaluate(gates: Gates, op: Operation, operands: Sequence[Bits]) -> Bits:
    """The wires of an operation's result."""
    width, true = bits_of(op.results[0]), gates.true
    match op:
        case hw.ConstantOp():
            value = op.value.value.data
            return [true if value >> i & 1 else 0 for i in range(width)]
        case comb.ExtractOp():
            low = op.low_bit.value.data
            return operands[0][low : low + width]
        case comb.ConcatOp():
            return [bit for part in reversed(operands) for bit in part]
        case comb.ReplicateOp():
            return operands[0] * (width // len(operands[0]))
        case comb.AndOp():
            return _bitwise(gates.both, operands)
        case comb.OrOp():
            return _bitwise(gates.either, operands)
        case comb.XorOp():
            return _bitwise(gates.differ, operands)
        case comb.MuxOp():
            condition, a, b = operands
            return list(map(gates.choose, repeat(condition[0]), a, b))
        case comb.AddOp():
            return gates.add(operands)
        case comb.ICmpOp():
            return [_compare(gates, op, *operands)]
        case seq.CompRegOp():
            return operands[0]
        case _:
            raise ValueError(f"the cost model does not know {op.name}: use cost=synthesis")


def _bitwise(gate: Callable[[Pattern, Pattern], Pattern], operands: Sequence[Bits]) -> Bits:
    return [reduce(gate, bits) for bits in zip(*operands, strict=True)]


def _compare(gates: Gates, op: comb.ICmpOp, a: Bits, b: Bits) -> Pattern:
    predicate = comb.ICMP_COMPARISON_OPERATIONS[op.predicate.value.data]
    if predicate in ("eq", "ne"):
        differing = reduce(gates.either, map(gates.differ, a, b))
        return differing if predicate == "ne" else differing ^ gates.true
    if predicate[0] == "s":
        # With the sign bits inverted, signed numbers are in the order of unsigned ones.
        a, b = ([*bits[:-1], bits[-1] ^ gates.true] for bits in (a, b))
    if predicate[1:] in ("gt", "le"):
        a, b = b, a
    less = gates.less(a, b)
    return less if predicate[1:] in ("lt", "gt") else less ^ gates.true


__all__ = ["count_gates", "evaluate_gates"]
