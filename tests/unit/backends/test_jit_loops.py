"""What the JIT does with loops: rows in cache, vectors, tables in registers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[jit]")

from lut_opt.backends import jit
from lut_opt.backends.execute import lowering, products, rows, shuffles, vectors

# Row sums of 2x, which are subtracted from it; 2x itself is a result, too.
ROWS = """
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @main(%x: tensor<{n}x24xi32>) -> ({results}) {{
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<{n}x24xi32>
  %s = tensor.empty() : tensor<{n}xi32>
  %start = linalg.fill ins(%zero : i32) outs(%s : tensor<{n}xi32>) -> tensor<{n}xi32>
  %twice = linalg.generic {{indexing_maps = [#all, #all],
      iterator_types = ["parallel", "parallel"]}}
      ins(%x : tensor<{n}x24xi32>) outs(%e : tensor<{n}x24xi32>) {{
  ^bb0(%a: i32, %o: i32):
    %t = arith.addi %a, %a : i32
    linalg.yield %t : i32
  }} -> tensor<{n}x24xi32>
  %sum = linalg.generic {{indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}}
      ins(%twice : tensor<{n}x24xi32>) outs(%start : tensor<{n}xi32>) {{
  ^bb0(%a: i32, %o: i32):
    %t = arith.addi %a, %o : i32
    linalg.yield %t : i32
  }} -> tensor<{n}xi32>
  %y = linalg.generic {{indexing_maps = [#all, #row, #all],
      iterator_types = ["parallel", "parallel"]}}
      ins(%twice, %sum : tensor<{n}x24xi32>, tensor<{n}xi32>) outs(%e : tensor<{n}x24xi32>) {{
  ^bb0(%a: i32, %b: i32, %o: i32):
    %t = arith.subi %a, %b : i32
    linalg.yield %t : i32
  }} -> tensor<{n}x24xi32>
  return {values} : {results}
}}
"""


def lowered(text: str) -> Any:
    module = lowering.parse(text)
    lowering.fuse_elementwise(module)
    return module


def kinds(module: Any) -> list[str]:
    return [op.name for op in lowering.operations(module)]


def with_rows(n: int | str, shared: bool) -> str:
    kind = f"tensor<{n}x24xi32>"
    if shared:
        return ROWS.format(n=n, results=f"{kind}, {kind}", values="%y, %twice")
    return ROWS.format(n=n, results=kind, values="%y")


@pytest.mark.parametrize("n", [1, 6, 48, 37])
@pytest.mark.parametrize("shared", [False, True])
def test_rows_are_computed_tile_by_tile(n: int, shared: bool) -> None:
    text = with_rows(n, shared)
    x = np.random.default_rng(1).integers(-99, 99, (n, 24)).astype(np.int32)
    given = jit.compile(text)(x)
    y = given[0] if shared else given
    np.testing.assert_array_equal(y, 2 * x - (2 * x).sum(1, keepdims=True))
    if shared:
        np.testing.assert_array_equal(given[1], 2 * x)


def test_temporaries_have_the_size_of_a_tile() -> None:
    module = lowered(with_rows(48, shared=False))
    rows.fuse(module)
    assert "scf.for" in kinds(module)
    inner = [op for op in lowering.operations(module) if op.name == "linalg.generic"]
    assert {str(op.results[0].type) for op in inner} == {"tensor<16x24xi32>", "tensor<16xi32>"}


def test_what_others_need_is_computed_once() -> None:
    module = lowered(with_rows(48, shared=True))
    rows.fuse(module)
    doubled = [op for op in lowering.operations(module) if op.name == "linalg.generic"]
    whole = [op for op in doubled if str(op.results[0].type) == "tensor<48x24xi32>"]
    # Twice x stays; only the sums and the differences go by tiles.
    assert len(whole) == 1
    assert len(doubled) == 3


TABLE = """
func.func @main(%x: tensor<{n}x{q}>) -> tensor<{n}x{q}> {{
  %e = tensor.empty() : tensor<{n}x{q}>
  %y = linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}} ins(%x : tensor<{n}x{q}>) outs(%e : tensor<{n}x{q}>) {{
  ^bb0(%a: {q}, %o: {q}):
    {body}
    linalg.yield %v{last} : {q}
  }} -> tensor<{n}x{q}>
  return %y : tensor<{n}x{q}>
}}
"""


def chain(n: int, bits: int, bounds: list[int], values: list[int], predicate: str) -> str:
    """A chain of comparisons and selects."""
    lines = [f"%v0 = arith.constant {values[0]} : i{bits}"]
    for i, (bound, value) in enumerate(zip(bounds, values[1:], strict=True), 1):
        lines += [
            f"%b{i} = arith.constant {bound} : i{bits}",
            f"%k{i} = arith.constant {value} : i{bits}",
            f"%c{i} = arith.cmpi {predicate}, %a, %b{i} : i{bits}",
            f"%v{i} = arith.select %c{i}, %k{i}, %v{i - 1} : i{bits}",
        ]
    return TABLE.format(n=n, q=f"i{bits}", body="\n    ".join(lines), last=len(bounds))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("entries", [4, 8, 9, 16, 17])
def test_tables_in_registers(bits: int, signed: bool, entries: int) -> None:
    """Every input of a chain; the instructions are used up to 16 entries, elsewhere not."""
    rng = np.random.default_rng(entries)
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    inside = np.arange(low + 1, high)
    bounds = sorted(rng.choice(inside, entries - 1, replace=False).tolist())
    values = rng.choice(np.arange(-(1 << (bits - 1)), 1 << (bits - 1)), entries, replace=False)
    predicate = "sge" if signed else "uge"
    text = chain(1 << bits, bits, bounds, values.tolist(), predicate)
    q = np.arange(low, high)
    given = jit.compile(text)(q.astype(f"int{bits}"))
    np.testing.assert_array_equal(given, values[np.searchsorted(bounds, q, side="right")])

    module = lowered(text)
    vectors.vectorize(module)
    shuffles.use(module)
    used = shuffles.is_supported() and entries <= 16
    assert ("llvm.call_intrinsic" in kinds(module)) == used


def test_chains_out_of_order_stay() -> None:
    """A later comparison with a smaller bound hides an earlier one."""
    text = chain(256, 8, [5, -7, 9, 60], [1, 2, 3, 4, 5], "sge")
    q = np.arange(-128, 128).astype(np.int8)
    expected = np.select([q >= 60, q >= 9, q >= -7, q >= 5], [5, 4, 3, 2], 1)
    np.testing.assert_array_equal(jit.compile(text)(q), expected)


def test_sizes_that_no_vector_divides_stay_loops() -> None:
    module = lowered(chain(67, 16, [1, 2, 3], [1, 2, 3, 4], "sge"))
    vectors.vectorize(module)
    assert "linalg.generic" in kinds(module)


SUM = """
    %w = arith.extsi %a : i16 to i32
    %n1 = arith.constant {bound} : i16
    %k1 = arith.constant {slopes[0]} : i16
    %k2 = arith.constant {slopes[1]} : i16
    %t1 = arith.constant {intercepts[0]} : i16
    %t2 = arith.constant {intercepts[1]} : i16
    %c = arith.cmpi sge, %a, %n1 : i16
    %s = arith.select %c, %k2, %k1 : i16
    %t = arith.select %c, %t2, %t1 : i16
    %s32 = arith.extsi %s : i16 to i32
    %t32 = arith.extsi %t : i16 to i32
    %shift = arith.constant {shift} : i32
    %high = arith.shli %t32, %shift : i32
    %p = arith.muli %s32, %w : i32
    %sum = arith.addi %p, %high : i32
    %half = arith.constant 64 : i32
    %seven = arith.constant 7 : i32
    %r = arith.addi %sum, %half : i32
    %d = arith.shrsi %r, %seven : i32
    %v0 = arith.trunci %d : i32 to i16
"""


@pytest.mark.parametrize("shift", [0, 9, 14, 15])
def test_sums_of_products_wrap_as_they_do_one_by_one(shift: int) -> None:
    slopes, intercepts, bound = (-32768, 777), (32767, -5), -4
    body = SUM.format(bound=bound, slopes=slopes, intercepts=intercepts, shift=shift)
    text = TABLE.format(n=1 << 16, q="i16", body=body, last=0)
    q = np.arange(-(1 << 15), 1 << 15)
    right = q >= bound
    total = np.where(right, slopes[1], slopes[0]) * q
    total += np.where(right, intercepts[1], intercepts[0]) << shift
    expected = (((total + 64).astype(np.int32)) >> 7).astype(np.int16)
    np.testing.assert_array_equal(jit.compile(text)(q.astype(np.int16)), expected)

    module = lowered(text)
    vectors.vectorize(module)
    products.use(module)
    used = shuffles.is_supported() and shift <= 14
    assert ("llvm.call_intrinsic" in kinds(module)) == used


def test_other_processors_keep_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    text = chain(1 << 16, 16, [-300, 0, 4000], [1, -2, 3, -4], "sge")
    q = np.arange(-(1 << 15), 1 << 15).astype(np.int16)
    here = jit.compile(text)(q)
    monkeypatch.setattr(shuffles, "is_supported", lambda: False)
    monkeypatch.setattr(products, "is_supported", lambda: False)
    np.testing.assert_array_equal(jit.compile(text)(q), here)


@pytest.mark.parametrize("kind", ["bf16", "f16"])
def test_small_floats_are_rounded_as_numbers_of_their_type(kind: str) -> None:
    """They are expanded one by one, in loops that are wide enough for vectors, too."""
    text = f"""
    func.func @main(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {{
      %small = arith.truncf %x : tensor<4x32xf32> to tensor<4x32x{kind}>
      %sum = arith.addf %small, %small : tensor<4x32x{kind}>
      %y = arith.extf %sum : tensor<4x32x{kind}> to tensor<4x32xf32>
      return %y : tensor<4x32xf32>
    }}"""
    x = np.random.default_rng(0).normal(0, 3, (4, 32)).astype(np.float32)
    found = jit.compile(text)(x)
    if kind == "f16":
        assert np.array_equal(found, x.astype(np.float16).astype(np.float32) * 2)
    else:
        assert np.array_equal(found.view(np.uint32) & 0xFFFF, np.zeros_like(x, np.uint32))
        assert np.allclose(found, 2 * x, rtol=2**-8)
