"""Loops that differ only in constants take them from outside: IREE compiles one of them."""

from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[jit]")

from lut_opt.backends.execute import lowering, scalars


def loop(result: str, operand: str, factor: int, shift: int = 2, op: str = "addi") -> str:
    return f"""
  %f{result} = arith.constant {factor} : i16
  %s{result} = arith.constant {shift} : i16
  %{result} = linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}} ins(%{operand} : tensor<64xi16>) outs(%e : tensor<64xi16>) {{
  ^bb0(%q: i16, %r: i16):
    %p = arith.muli %q, %f{result} : i16
    %t = arith.shrsi %p, %s{result} : i16
    %u = arith.{op} %t, %f{result} : i16
    linalg.yield %u : i16
  }} -> tensor<64xi16>"""


def function(*loops: str) -> str:
    return f"""
func.func @main(%a: tensor<64xi16>) -> tensor<64xi16> {{
  %e = tensor.empty() : tensor<64xi16>{"".join(loops)}
  return %{len(loops)} : tensor<64xi16>
}}"""


def shared(text: str) -> str:
    module = lowering.parse(text)
    scalars.share(module)
    assert module.operation.verify()
    return str(module)


def test_what_differs_comes_from_behind_a_barrier_once() -> None:
    printed = shared(function(loop("1", "a", 3), loop("2", "1", 5)))
    assert len(re.findall(r'"util.optimization_barrier"\(%\S+\) : \(i16\) -> i16', printed)) == 2
    bodies = re.findall(r"\^bb0.*?linalg.yield", printed, re.DOTALL)
    assert [len(re.findall(r"muli|shrsi|addi", body)) for body in bodies] == [3, 3]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(loop("2", "1", 3), id="equal"),
        pytest.param(
            loop("2", "1", 5, shift=3), id="another shift, which is faster if it is known"
        ),
        pytest.param(loop("2", "1", 5, op="subi"), id="another operation"),
    ],
)
def test_other_loops_stay_as_they_are(second: str) -> None:
    assert "util.optimization_barrier" not in shared(function(loop("1", "a", 3), second))


def test_iree_computes_the_same() -> None:
    pytest.importorskip("iree.runtime", reason="needs IREE: pip install lut-opt[iree]")
    from lut_opt.backends import iree

    x = np.arange(64, dtype=np.int16)
    executable = iree.compile(function(loop("1", "a", 3), loop("2", "1", 5)), threads=1)
    once = (x * 3 >> 2) + 3
    assert np.array_equal(executable(x), (once * 5 >> 2) + 5)
