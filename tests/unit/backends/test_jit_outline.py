"""Loops of large functions are functions of their own, compiled once where they are equal."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[jit]")

from lut_opt.backends import jit
from lut_opt.backends.execute import lowering, outline

COUNT = 20

ADD = """
  scf.for %i{n} = %c0 to %c8 step %c1 {{
    %a{n} = memref.load {source}[%i{n}] : memref<8xi32>
    %b{n} = memref.load {weights}[%i{n}] : memref<8xi32>
    %s{n} = arith.addi %a{n}, %b{n} : i32
    memref.store %s{n}, {result}[%i{n}] : memref<8xi32>
  }}
"""

CONSTANTS = """
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
"""


def layers(count: int) -> str:
    """Weights of their own, added layer after layer."""
    weights = [f"dense<[{', '.join(str(n + i * i) for i in range(8))}]>" for n in range(count)]
    lines = [
        f'memref.global "private" constant @w{n} : memref<8xi32> = {each}'
        for n, each in enumerate(weights)
    ]
    lines += ["func.func @main(%x: memref<8xi32>) -> memref<8xi32> {", CONSTANTS]
    lines += [f"%m{n} = memref.alloc() : memref<8xi32>" for n in range(count)]
    for n in range(count):
        source = f"%m{n - 1}" if n else "%x"
        lines += [f"%w{n} = memref.get_global @w{n} : memref<8xi32>"]
        lines += [ADD.format(n=n, source=source, weights=f"%w{n}", result=f"%m{n}")]
    return "\n".join([*lines, f"return %m{count - 1} : memref<8xi32>", "}"])


def outlined(text: str) -> Counter[str]:
    """How often a module calls each outlined function."""
    module = lowering.parse(text)
    outline.use(module)
    calls = [op for op in lowering.operations(module) if op.name == "func.call"]
    assert module.operation.verify()
    return Counter(str(op.attributes["callee"]) for op in calls)


def test_layers_that_differ_in_weights_alone_are_one_function() -> None:
    # The first reads the argument, whose memory is the caller's.
    assert sorted(outlined(layers(COUNT)).values()) == [1, COUNT - 1]


def test_a_small_function_is_left_alone() -> None:
    assert not outlined(layers(8))


@pytest.mark.parametrize("count", [8, COUNT])
def test_results_are_those_of_the_loops(count: int) -> None:
    x = np.arange(8, dtype=np.int32)
    expected = x + sum(n + np.arange(8) ** 2 for n in range(count))
    np.testing.assert_array_equal(jit.compile(layers(count))(x), expected)


def test_views_of_one_buffer_stay_views_of_one_buffer() -> None:
    # Each step reads what the step before has written through the other view.
    step = """
    scf.for %i{n} = %c0 to %c7 step %c1 {{
      %u{n} = memref.load %head[%i{n}] : memref<7xi32, strided<[1]>>
      %v{n} = memref.load %tail[%i{n}] : memref<7xi32, strided<[1], offset: 1>>
      %t{n} = arith.addi %u{n}, %v{n} : i32
      memref.store %t{n}, %tail[%i{n}] : memref<7xi32, strided<[1], offset: 1>>
    }}"""
    text = f"""func.func @main(%x: memref<8xi32>) -> memref<8xi32> {{
      {CONSTANTS}
      %c7 = arith.constant 7 : index
      %y = memref.alloc() : memref<8xi32>
      memref.copy %x, %y : memref<8xi32> to memref<8xi32>
      %head = memref.subview %y[0] [7] [1] : memref<8xi32> to memref<7xi32, strided<[1]>>
      %tail = memref.subview %y[1] [7] [1]
        : memref<8xi32> to memref<7xi32, strided<[1], offset: 1>>
      {"".join(step.format(n=n) for n in range(COUNT))}
      return %y : memref<8xi32>
    }}"""
    assert sorted(outlined(text).values()) == [1, COUNT]
    x = np.arange(8, dtype=np.int32)
    expected = x
    for _ in range(COUNT):
        expected = np.cumsum(expected, dtype=np.int32)
    np.testing.assert_array_equal(jit.compile(text)(x), expected)


def test_arguments_may_be_the_same_array() -> None:
    body = "".join(ADD.format(n=n, source="%x", weights="%y", result="%y") for n in range(COUNT))
    text = f"func.func @main(%x: memref<8xi32>, %y: memref<8xi32>) {{ {CONSTANTS} {body} return }}"
    x = np.arange(8, dtype=np.int32)
    jit.compile(text).run("main", x, x)
    np.testing.assert_array_equal(x, np.arange(8, dtype=np.int32) << COUNT)


def test_an_assertion_ends_the_whole_function() -> None:
    asserting = ADD.replace("%s{n} =", '%k{n} = arith.cmpi slt, %a{n}, %b{n} : i32\n'
                            '    cf.assert %k{n}, "too large"\n    %s{n} =')  # fmt: skip
    body = "".join(ADD.format(n=n, source="%y", weights="%y", result="%y") for n in range(COUNT))
    checked = asserting.format(n=COUNT, source="%x", weights="%y", result="%y")
    text = f"""func.func @main(%x: memref<8xi32>, %y: memref<8xi32>) {{
      {CONSTANTS} {checked} {body} return }}"""
    run: Any = jit.compile(text).run
    ones = np.ones(8, np.int32)
    y = ones.copy()
    with pytest.raises(jit.JitError, match="too large"):
        run("main", ones, y)
    np.testing.assert_array_equal(y, ones)
