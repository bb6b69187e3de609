"""Products of integer matrices on the JIT: the bits of NumPy's, in pairs where that holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[jit]")

from lut_opt.backends import jit
from lut_opt.backends.execute import contractions, lowering, matmul, shuffles

PRODUCT = """
#a = affine_map<(d0, d1, d2) -> (d0, d2)>
#b = affine_map<(d0, d1, d2) -> (d2, d1)>
#c = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @main(%a: tensor<{m}x{k}x{a}>, %b: tensor<{k}x{n}x{b}>) -> tensor<{m}x{n}xi32> {{
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<{m}x{n}xi32>
  %s = linalg.fill ins(%zero : i32) outs(%e : tensor<{m}x{n}xi32>) -> tensor<{m}x{n}xi32>
  %y = linalg.generic {{indexing_maps = [#a, #b, #c],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b : tensor<{m}x{k}x{a}>, tensor<{k}x{n}x{b}>) outs(%s : tensor<{m}x{n}xi32>) {{
  ^bb0(%p: {a}, %q: {b}, %o: i32):
    %x = arith.{wide_a} %p : {a} to i32
    %z = arith.{wide_b} %q : {b} to i32
    %t = arith.muli %x, %z : i32
    %u = arith.addi %o, %t : i32
    linalg.yield %u : i32
  }} -> tensor<{m}x{n}xi32>
  return %y : tensor<{m}x{n}xi32>
}}
"""

SIGNED, UNSIGNED = "extsi", "extui"


def product(m: int, k: int, n: int, a: str, b: str) -> str:
    """A·B of elements such as `i8` and `u8`."""
    wide = {f"wide_{name}": UNSIGNED if kind[0] == "u" else SIGNED for name, kind in
            (("a", a), ("b", b))}  # fmt: skip
    return PRODUCT.format(m=m, k=k, n=n, a=f"i{a[1:]}", b=f"i{b[1:]}", **wide)


def numbers(kind: str, *shape: int) -> tuple[Any, Any]:
    """All values of a type, its ends often: as they are stored, and as they count."""
    rng = np.random.default_rng(0)
    dtype = np.dtype(f"{'uint' if kind[0] == 'u' else 'int'}{kind[1:]}")
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    x = rng.integers(low, high + 1, shape)
    x[rng.random(shape) < 0.3], x[rng.random(shape) < 0.3] = low, high
    return x.astype(dtype).view(f"int{kind[1:]}"), x


@pytest.mark.parametrize(
    ("m", "k", "n"), [(8, 64, 32), (3, 6, 8), (1, 2, 40), (5, 7, 16), (4, 4, 12), (12, 10, 24)]
)
@pytest.mark.parametrize(("a", "b"), [("i8", "i8"), ("u8", "i8"), ("i8", "u8"), ("i16", "i8")])
def test_a_product_is_numpys(m: int, k: int, n: int, a: str, b: str) -> None:
    (stored_a, x), (stored_b, y) = numbers(a, m, k), numbers(b, k, n)
    given = jit.compile(product(m, k, n, a, b), opt_level=1)(stored_a, stored_b)
    np.testing.assert_array_equal(given, x @ y)


def test_sums_of_16_bits_wrap_as_those_of_32_do() -> None:
    """Twice −32768² is the one pair that does not fit."""
    (stored_a, x), (stored_b, y) = numbers("i16", 8, 16), numbers("i16", 16, 32)
    stored_a[0] = x[0] = stored_b[:, 0] = y[:, 0] = -(1 << 15)
    given = jit.compile(product(8, 16, 32, "i16", "i16"))(stored_a, stored_b)
    np.testing.assert_array_equal(given, (x @ y).astype(np.int32))


@pytest.mark.skipif(not shuffles.is_supported(), reason="this processor has no AVX2")
@pytest.mark.parametrize(
    ("kinds", "k", "pairs"),
    [(("i8", "i8"), 64, True), (("u8", "i16"), 64, True), (("u16", "i8"), 64, False),
     (("i8", "i8"), 7, False)],
)  # fmt: skip
def test_pairs_are_used_where_they_hold_what_is_multiplied(
    kinds: tuple[str, str], k: int, pairs: bool
) -> None:
    module = lowering.parse(product(8, k, 32, *kinds))
    matmul.tile(module)
    contractions.use(module)
    assert module.operation.verify()
    assert ("pmadd" in str(module)) == pairs
