"""Compiled arithmetic against the table's semantics, for tables of every shape and width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from xdsl.context import Context

from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, storage_range
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass

pytest.importorskip("torch_mlir")

from lut_opt.backends import jit

SELECTS = ["chain", "binary", "direct"]


@dataclass(frozen=True)
class Case:
    """A table between two storage types."""

    table: Table
    operand: Quantization
    result: Quantization


def storage(bits: int, signed: bool) -> Quantization:
    return Quantization(bits, signed, 1.0)


def random_case(rng: np.random.Generator) -> Case:
    """A table that the verifier admits, not one that approximates anything."""
    while True:
        operand = storage(int(rng.choice([8, 16])), bool(rng.integers(2)))
        result = storage(int(rng.choice([8, 16, 32])), bool(rng.integers(2)))
        entries, bits = int(rng.integers(1, 18)), int(rng.choice([2, 4, 8, 12, 16, 32]))
        low, high = storage_range(bits, True)
        ends = [operand.minimum, operand.maximum]
        breakpoints = rng.integers(ends[0], ends[1], entries - 1, endpoint=True)
        if entries > 4:
            breakpoints[:3] = [*ends, breakpoints[3]]  # the ends, and a pair
        table = Table(
            tuple(np.sort(breakpoints).tolist()),
            tuple(rng.integers(low, high, entries, endpoint=True).tolist()),
            tuple(rng.integers(low, high, entries, endpoint=True).tolist()),
            int(rng.integers(0, 24)),
            int(rng.integers(0, 24)),
            bits,
        )
        if table.accumulator_bits(operand) <= 64:
            return Case(table, operand, result)


def spell(side: Quantization) -> str:
    return f"!quant.uniform<{'i' if side.signed else 'u'}{side.bits}:f32, {side.scale:e}>"


def function(name: str, case: Case, shape: str = "?x") -> str:
    """A function on a tensor, or on a scalar where `shape` is empty."""
    operand, result = spell(case.operand), spell(case.result)
    if shape:
        operand, result = f"tensor<{shape}{operand}>", f"tensor<{shape}{result}>"
    table = case.table
    return (
        f"func.func @{name}(%x: {operand}) -> {result} {{\n"
        f"  %y = pwl.apply #pwl.fn<square> %x table #pwl.table<i{table.param_bits}, "
        f"breakpoints = {list(table.breakpoints)}, slopes = {list(table.slopes)}, "
        f"intercepts = {list(table.intercepts)}, intercept_shift = {table.intercept_shift}, "
        f"result_shift = {table.result_shift}> : {operand} -> {result}\n"
        f"  func.return %y : {result}\n}}\n"
    )


def compiled(text: str, select: str = "chain") -> jit.Executable:
    program = parse(text, "test.mlir", context())
    program.module.verify()
    ConvertPwlToArithPass(select=select).apply(Context(), program.module)  # pyright: ignore
    program.module.verify()
    return jit.compile(Program(program.module, ""), opt_level=1)


def inputs(operand: Quantization) -> np.ndarray:
    return np.arange(operand.minimum, operand.maximum + 1)


def signless(values: np.ndarray, side: Quantization) -> np.ndarray:
    """Stored integers as the signed integers of the machine."""
    return values.astype(f"int{side.bits}")


@pytest.mark.parametrize(
    ("select", "size"), [*((select, None) for select in SELECTS), ("chain", 1)]
)
def test_random_tables(select: str, size: int | None) -> None:
    """Tensors of unknown size, and of a size that fills vectors: those are other code."""
    rng = np.random.default_rng(7)
    cases = {f"f{i}": random_case(rng) for i in range(40)}
    text = "".join(
        function(name, case, f"{len(inputs(case.operand))}x" if size else "?x")
        for name, case in cases.items()
    )
    executable = compiled(text, select)
    for name, case in cases.items():
        q = inputs(case.operand)
        expected = signless(case.table.evaluate(q, case.result), case.result)
        assert np.array_equal(executable.run(name, signless(q, case.operand)), expected), case


def test_scalars_and_vectors_compute_what_tensors_do() -> None:
    rng = np.random.default_rng(3)
    case = random_case(rng)
    while {case.operand, case.result} != {storage(8, True)}:
        case = random_case(rng)
    kind = spell(case.operand)
    body = function("t", case).split("table ")[1].split(" :")[0]
    vector = f"vector<3x{kind}>"
    text = function("s", case, "") + (
        f"func.func @v(%x: i8) -> i8 {{\n"
        f"  %b = vector.broadcast %x : i8 to vector<3xi8>\n"
        f"  %q = quant.scast %b : vector<3xi8> to {vector}\n"
        f"  %y = pwl.apply #pwl.fn<square> %q table {body} : {vector} -> {vector}\n"
        f"  %s = quant.scast %y : {vector} to vector<3xi8>\n"
        f"  %r = vector.extract %s[2] : i8 from vector<3xi8>\n"
        f"  func.return %r : i8\n}}\n"
    )
    executable = compiled(text)
    for q in (-128, -1, 0, 1, 127):
        expected = int(case.table.evaluate(np.array([q]), case.result)[0])
        assert int(np.asarray(executable.run("s", q))) == expected
        assert int(np.asarray(executable.run("v", q))) == expected


@pytest.mark.parametrize("shape", [(), (0,), (5, 0), (3, 4), (257,)])
def test_memrefs_are_written_in_place(shape: tuple[int, ...]) -> None:
    case = random_case(np.random.default_rng(11))
    dims = "".join("?x" for _ in shape)
    operand = f"memref<{dims}{spell(case.operand)}>"
    result = f"memref<{dims}{spell(case.result)}>"
    body = function("t", case).split("table ")[1].split(" :")[0]
    text = (
        f"func.func @f(%x: {operand}, %y: {result}) {{\n"
        f"  pwl.apply #pwl.fn<square> %x into %y table {body} : {operand}, {result}\n"
        f"  func.return\n}}\n"
    )
    rng = np.random.default_rng(0)
    q = rng.integers(case.operand.minimum, case.operand.maximum, shape, endpoint=True)
    y = np.zeros(shape, f"int{case.result.bits}")
    compiled(text).run("f", signless(np.asarray(q), case.operand), y)
    expected = case.table.evaluate(np.asarray(q).reshape(-1), case.result).reshape(shape)
    assert np.array_equal(y, signless(expected, case.result))


@pytest.mark.parametrize(
    "kind",
    ["i8:f32, 0.0625", "u8:f32, 0.1:128", "i8<-127:127>:f32, 0.3:-7", "i16:f32, 0.001",
     "u16<1:60000>:f32, 0.5", "i32:f32, 1.0e-06"],
)  # fmt: skip
def test_casts_round_to_nearest_even_and_saturate(kind: str) -> None:
    text = (
        f"func.func @q(%x: tensor<?xf32>) -> tensor<?x!quant.uniform<{kind}>> {{\n"
        f"  %q = quant.qcast %x : tensor<?xf32> to tensor<?x!quant.uniform<{kind}>>\n"
        f"  func.return %q : tensor<?x!quant.uniform<{kind}>>\n}}\n"
        f"func.func @d(%q: tensor<?x!quant.uniform<{kind}>>) -> tensor<?xf32> {{\n"
        f"  %x = quant.dcast %q : tensor<?x!quant.uniform<{kind}>> to tensor<?xf32>\n"
        f"  func.return %x : tensor<?xf32>\n}}\n"
    )
    program = parse(text, "test.mlir", context())
    quantized = next(iter(program.module.ops)).body.block.ops.first.result.type  # pyright: ignore
    side: Quantization = quantized.get_element_type().quantization
    executable = compiled(text)
    scale = np.float32(side.scale)
    steps = np.arange(side.minimum - 300, min(side.maximum, side.minimum + 70000) + 300)
    halves = (np.concatenate([steps, steps + 0.5]) - side.zero_point).astype(np.float32) * scale
    x = np.concatenate([halves, np.float32([np.inf, -np.inf, 1e30, -1e30, 0.0, -0.0])])
    q = np.asarray(executable.run("q", x)).astype(np.int64)
    q = q if side.signed else q % (1 << side.bits)
    # The same division in the same precision.
    real = np.rint(x / scale).astype(np.float64) + side.zero_point
    expected = np.clip(real, side.minimum, side.maximum)
    if side.bits < 32:
        assert np.array_equal(q, expected)
    assert np.max(np.abs(q - expected)) <= 128  # i32: the last float below 2^31
    back = np.asarray(executable.run("d", signless(q, side)))
    assert np.array_equal(back, (q - side.zero_point).astype(np.float32) * scale)


def test_nan_becomes_the_smallest_stored_value() -> None:
    text = (
        "func.func @q(%x: f32) -> !quant.uniform<i8:f32, 1.0> {\n"
        "  %q = quant.qcast %x : f32 to !quant.uniform<i8:f32, 1.0>\n"
        "  func.return %q : !quant.uniform<i8:f32, 1.0>\n}\n"
    )
    assert int(np.asarray(compiled(text).run("q", np.float32("nan")))) == -128
