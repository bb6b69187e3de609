"""Views that join axes of unknown size, and sizes that only data tell."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[jit]")

from lut_opt.backends import jit

JOINED = """
func.func @main(%x: !torch.vtensor<[?,?,4],f32>) -> !torch.vtensor<[?,4],f32> {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 1
  %c4 = torch.constant.int 4
  %b = torch.aten.size.int %x, %c0 : !torch.vtensor<[?,?,4],f32>, !torch.int -> !torch.int
  %t = torch.aten.size.int %x, %c1 : !torch.vtensor<[?,?,4],f32>, !torch.int -> !torch.int
  %n = torch.aten.mul.int %b, %t : !torch.int, !torch.int -> !torch.int
  %s = torch.prim.ListConstruct %n, %c4 : (!torch.int, !torch.int) -> !torch.list<int>
  %y = torch.aten.view %x, %s
      : !torch.vtensor<[?,?,4],f32>, !torch.list<int> -> !torch.vtensor<[?,4],f32>
  return %y : !torch.vtensor<[?,4],f32>
}
"""


def test_two_axes_become_one() -> None:
    x = np.arange(60, dtype=np.float32).reshape(3, 5, 4)
    np.testing.assert_array_equal(jit.compile(JOINED)(x), x.reshape(15, 4))


MASKED = """
func.func @main(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[?],f32> {
  %c0 = torch.constant.int 0
  %m = torch.aten.gt.Scalar %x, %c0
      : !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[4],i1>
  %l = torch.prim.ListConstruct %m : (!torch.vtensor<[4],i1>) -> !torch.list<vtensor>
  %y = torch.aten.index.Tensor_hacked_twin %x, %l
      : !torch.vtensor<[4],f32>, !torch.list<vtensor> -> !torch.vtensor<[?],f32>
  return %y : !torch.vtensor<[?],f32>
}
"""


def test_a_selection_by_a_mask_is_refused_at_once() -> None:
    with pytest.raises(jit.JitError, match=r"`torch\.aten\.index\S*` at -:7:\d+ selects by a mask"):
        jit.compile(MASKED)
