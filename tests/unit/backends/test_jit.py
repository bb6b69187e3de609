"""The JIT on builtin dialects: every type, ownership of memory, and errors instead of crashes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch_mlir.ir", reason="the JIT needs torch-mlir: pip install lut-opt[jit]")

from lut_opt.backends import jit
from lut_opt.backends.jit import JitError

IDENTITY = """
func.func @main(%x: {t}) -> ({t}, {t}) {{ return %x, %x : {t}, {t} }}
"""

SCALARS = """
func.func @main(%a: i8, %b: f32, %c: i1) -> (i8, f32, i1, f64, i16) {
  %d = arith.extf %b : f32 to f64
  %e = arith.extsi %a : i8 to i16
  return %a, %b, %c, %d, %e : i8, f32, i1, f64, i16
}
func.func @double(%a: i8) -> i8 {
  %r = arith.addi %a, %a : i8
  return %r : i8
}
"""

ADD = """
func.func @main(%x: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<?xi32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xi32>
  %m = tensor.dim %y, %c0 : tensor<?xi32>
  %same = arith.cmpi eq, %n, %m : index
  cf.assert %same, "sizes differ"
  %r = arith.addi %x, %y : tensor<?xi32>
  return %r : tensor<?xi32>
}
"""

TABLE = """
#map = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<?xi8>) -> tensor<?xi8> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xi8>
  %e = tensor.empty(%n) : tensor<?xi8>
  %t = arith.constant -5 : i8
  %s0 = arith.constant 3 : i32
  %s1 = arith.constant -7 : i32
  %bias = arith.constant 100 : i32
  %shift = arith.constant 3 : i32
  %low = arith.constant -128 : i32
  %high = arith.constant 127 : i32
  %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]}
      ins(%x : tensor<?xi8>) outs(%e : tensor<?xi8>) {
  ^bb0(%q: i8, %o: i8):
    %right = arith.cmpi sge, %q, %t : i8
    %slope = arith.select %right, %s1, %s0 : i32
    %wide = arith.extsi %q : i8 to i32
    %product = arith.muli %slope, %wide : i32
    %sum = arith.addi %product, %bias : i32
    %scaled = arith.shrsi %sum, %shift : i32
    %below = arith.minsi %scaled, %high : i32
    %inside = arith.maxsi %below, %low : i32
    %y = arith.trunci %inside : i32 to i8
    linalg.yield %y : i8
  } -> tensor<?xi8>
  return %r : tensor<?xi8>
}
"""

LOOP = """
func.func @main(%x: memref<?xi16>, %y: memref<?xi16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xi16>
  scf.for %i = %c0 to %n step %c1 {
    %v = memref.load %x[%i] : memref<?xi16>
    %w = arith.addi %v, %v : i16
    memref.store %w, %y[%i] : memref<?xi16>
  }
  return
}
"""


@pytest.mark.parametrize(
    ("element", "dtype"),
    [
        ("i1", "bool"),
        ("i8", "int8"),
        ("i16", "int16"),
        ("i32", "int32"),
        ("i64", "int64"),
        ("f32", "float32"),
        ("f64", "float64"),
    ],
)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
@pytest.mark.parametrize("dynamic", [False, True])
def test_results_own_their_memory(
    element: str, dtype: str, shape: tuple[int, ...], dynamic: bool
) -> None:
    dims = "".join("?x" if dynamic else f"{n}x" for n in shape)
    executable = jit.compile(IDENTITY.format(t=f"tensor<{dims}{element}>"))
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    first, second = executable(x)
    assert first.dtype == x.dtype
    np.testing.assert_array_equal(first, x)
    first[...] = 1
    np.testing.assert_array_equal(second, x)
    assert not np.shares_memory(first, x)


def test_scalars_by_value_and_several_functions() -> None:
    executable = jit.compile(SCALARS)
    assert [r.item() for r in executable(-5, 2.5, True)] == [-5, 2.5, True, 2.5, -5]
    assert executable.run("double", np.int8(-60)) == -120


def test_integer_chain_matches_numpy_on_every_input_and_on_many() -> None:
    executable = jit.compile(TABLE)
    for q in (np.arange(-128, 128, dtype=np.int8), np.zeros(1 << 17, np.int8)):
        wide = q.astype(np.int64)
        expected = np.clip((np.where(wide >= -5, -7, 3) * wide + 100) >> 3, -128, 127)
        for _ in range(3):
            np.testing.assert_array_equal(executable(q), expected)


def test_large_results_outlive_the_executable() -> None:
    executable = jit.compile(TABLE)
    results = [executable(np.full(1 << 17, q, np.int8)) for q in range(8)]
    del executable
    assert [int(r[-1]) for r in results] == [(-7 * q + 100) >> 3 for q in range(8)]


def test_tensor_arguments_are_not_modified() -> None:
    executable = jit.compile("""
    func.func @main(%x: tensor<4xi32>) -> tensor<4xi32> {
      %c0 = arith.constant 0 : index
      %v = arith.constant 7 : i32
      %r = tensor.insert %v into %x[%c0] : tensor<4xi32>
      return %r : tensor<4xi32>
    }""")
    x = np.zeros(4, np.int32)
    assert executable(x).tolist() == [7, 0, 0, 0]
    assert x.tolist() == [0, 0, 0, 0]


def test_memref_arguments_are_by_reference() -> None:
    executable = jit.compile(LOOP)
    x, y = np.arange(5, dtype=np.int16), np.zeros((5, 2), np.int16)
    assert executable(x, y[:, 1]) == ()
    assert y[:, 1].tolist() == [0, 2, 4, 6, 8]
    assert not y[:, 0].any()


def test_returned_constants_are_copies() -> None:
    executable = jit.compile("""
    func.func @main() -> tensor<3xi8> {
      %c = arith.constant dense<[1, 2, 3]> : tensor<3xi8>
      return %c : tensor<3xi8>
    }""")
    executable()[:] = 0
    assert executable().tolist() == [1, 2, 3]


@pytest.mark.parametrize("batch", ["", "5x"])
@pytest.mark.parametrize(("m", "k", "n"), [(8, 16, 32), (7, 9, 11), (1, 1, 1), (197, 6, 40)])
def test_matrix_products(batch: str, m: int, k: int, n: int) -> None:
    a, b, c = (f"tensor<{batch}{r}x{s}xf32>" for r, s in ((m, k), (k, n), (m, n)))
    op = "linalg.batch_matmul" if batch else "linalg.matmul"
    executable = jit.compile(f"""
    func.func @main(%a: {a}, %b: {b}, %c: {c}) -> {c} {{
      %r = {op} ins(%a, %b : {a}, {b}) outs(%c : {c}) -> {c}
      return %r : {c}
    }}""")
    rng = np.random.default_rng(0)
    lead = (5,) if batch else ()
    x, y, z = (rng.standard_normal((*lead, *s), np.float32) for s in ((m, k), (k, n), (m, n)))
    np.testing.assert_allclose(executable(x, y, z), z + x @ y, rtol=1e-4, atol=1e-4)


def test_large_weights_stay_outside_the_code() -> None:
    values = np.arange(1000, dtype=np.int64)
    text = f"""
    func.func @main(%i: index) -> i64 {{
      %c = arith.constant dense_resource<w> : tensor<1000xi64>
      %v = tensor.extract %c[%i] : tensor<1000xi64>
      return %v : i64
    }}
{{-#
  dialect_resources: {{ builtin: {{ w: "0x08000000{values.tobytes().hex().upper()}" }} }}
#-}}
"""
    executable = jit.compile(text)
    assert [int(executable(i)) for i in (0, 1, 999)] == [0, 1, 999]


def test_a_failed_assertion_is_an_error_and_the_next_call_works() -> None:
    executable = jit.compile(ADD)
    x = np.arange(4, dtype=np.int32)
    with pytest.raises(JitError, match="sizes differ"):
        executable(x, x[:2])
    np.testing.assert_array_equal(executable(x, x), x + x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(4),) * 2, r"argument 0 of `@main` has dtype float64.*astype\(np.int32\)"),
        ((np.zeros((2, 2), np.int32),) * 2, r"shape \(2, 2\)"),
        ((), "takes 2 arguments"),
    ],
)
def test_wrong_arguments(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(JitError, match=message):
        jit.compile(ADD)(*arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @main(", "does not parse: -:1"),
        ("func.func @main() { %r = foo.bar : i8\n return }", "foo"),
        ("func.func private @g()\nfunc.func @main() { return }", "`@g` is declared"),
        (
            "func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
            "  %r = tosa.tanh %x : (tensor<4xf32>) -> tensor<4xf32>\n"
            "  return %r : tensor<4xf32> }",
            r"-:2:\d+: op was not bufferized.*tosa.tanh",
        ),
        (
            "func.func @main(%x: tensor<4x!quant.uniform<i8:f32, 0.5>>) { return }",
            "argument 0 of `@main` is",
        ),
    ],
)
def test_modules_that_cannot_be_compiled(text: str, message: str) -> None:
    with pytest.raises(JitError, match=message):
        jit.compile(text)


def test_scalars_and_names_are_checked() -> None:
    executable = jit.compile(SCALARS)
    with pytest.raises(JitError, match="outside i8"):
        executable.run("double", 128)
    with pytest.raises(JitError, match="no function `@nothing`; the module has `@main`, `@double`"):
        executable.run("nothing")
    with pytest.raises(JitError, match="opt_level"):
        jit.compile(SCALARS, opt_level=7)


@pytest.mark.parametrize("torch_operator_too", [False, True])
def test_fragments_between_torch_operators(torch_operator_too: bool) -> None:
    before = "torch.aten.neg %x : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[2,3],f32>"
    source, line = ("%n", f"%n = {before}") if torch_operator_too else ("%x", "")
    executable = jit.compile(f"""
    func.func @main(%x: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,3],f32> {{
      {line}
      %t = torch_c.to_builtin_tensor {source} : !torch.vtensor<[2,3],f32> -> tensor<2x3xf32>
      %q = arith.fptosi %t : tensor<2x3xf32> to tensor<2x3xi8>
      %r = arith.addi %q, %q : tensor<2x3xi8>
      %f = arith.sitofp %r : tensor<2x3xi8> to tensor<2x3xf32>
      %y = torch_c.from_builtin_tensor %f : tensor<2x3xf32> -> !torch.vtensor<[2,3],f32>
      return %y : !torch.vtensor<[2,3],f32>
    }}""")
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(executable(x), -2 * x if torch_operator_too else 2 * x)


@pytest.mark.parametrize("elements", [256, 1 << 16])
def test_one_value_returned_twice_is_two_arrays(elements: int) -> None:
    """Small results are copied, large ones keep their buffer; neither may see it freed."""
    kind = f"tensor<{elements}xf32>"
    executable = jit.compile(
        f"func.func @main(%x: {kind}) -> ({kind}, {kind}, {kind}) {{\n"
        f"%0 = arith.addf %x, %x : {kind}\n%1 = arith.mulf %x, %x : {kind}\n"
        f"func.return %0, %0, %1 : {kind}, {kind}, {kind}\n}}"
    )
    x = np.arange(elements, dtype=np.float32)
    for _ in range(4):
        first, second, third = executable(x)
        assert np.array_equal(first, 2 * x)
        del first
        assert np.array_equal(second, 2 * x)
        assert np.array_equal(third, x * x)


def test_quantizations_by_the_name_of_an_operator():
    types = "!torch.float, !torch.int, !torch.int, !torch.int, !torch.int"
    text = f"""
      func.func @main(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {{
        %s = torch.constant.float 5.000000e-02
        %z = torch.constant.int 0
        %lo = torch.constant.int -128
        %hi = torch.constant.int 127
        %dtype = torch.constant.int 1
        %q = torch.operator "torch.quantized_decomposed.quantize_per_tensor"(%x, %s, %z, %lo, %hi,
          %dtype) : (!torch.vtensor<[4],f32>, {types}) -> !torch.vtensor<[4],si8>
        %d = torch.operator "torch.quantized_decomposed.dequantize_per_tensor"(%q, %s, %z, %lo, %hi,
          %dtype) : (!torch.vtensor<[4],si8>, {types}) -> !torch.vtensor<[4],f32>
        func.return %d : !torch.vtensor<[4],f32>
      }}"""
    x = np.array([0.03, -7.0, 7.0, 0.12], np.float32)
    np.testing.assert_allclose(jit.compile(text)(x), [0.05, -6.4, 6.35, 0.1], rtol=1e-6)
