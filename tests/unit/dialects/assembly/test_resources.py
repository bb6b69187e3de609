"""Constants of a module as arrays, wherever the text holds them."""

from __future__ import annotations

import numpy as np
from xdsl.context import Context

from lut_opt.dialects.assembly import constant_array, context, parse, resources_of
from lut_opt.dialects.torch import VTensorLiteralOp

TEXT = """
%a = torch.vtensor.literal(dense<[[1, -2], [3, 4]]> : tensor<2x2xsi8>) : !torch.vtensor<[2,2],si8>
%b = torch.vtensor.literal(dense<0.5> : tensor<3xf32>) : !torch.vtensor<[3],f32>
%c = torch.vtensor.literal(dense_resource<one> : tensor<2xf32>) : !torch.vtensor<[2],f32>
%d = torch.vtensor.literal(dense_resource<"two 2"> : tensor<2xsi8>) : !torch.vtensor<[2],si8>
%e = torch.vtensor.literal(dense_resource<half> : tensor<1xbf16>) : !torch.vtensor<[1],bf16>
%f = torch.vtensor.literal(dense_resource<gone> : tensor<2xf32>) : !torch.vtensor<[2],f32>
{-#
  dialect_resources: { builtin: {
    one: "0x040000000000803F000000C0",
    "two 2": "0x01000000FF7F",
    half: "0x02000000003F"
  } }
#-}
"""


def test_constants_are_read_where_they_are() -> None:
    ctx = context()
    module = parse(TEXT, "x.mlir", ctx).module
    resources = resources_of(ctx)
    literals = [op for op in module.walk() if isinstance(op, VTensorLiteralOp)]
    found = [constant_array(op.value, resources) for op in literals]
    wanted = [[[1, -2], [3, 4]], [0.5] * 3, [1.0, -2.0], [-1, 127], [0.5], None]
    for array, numbers in zip(found, wanted, strict=True):
        assert (None if array is None else array.tolist()) == numbers
    assert found[0] is not None
    assert np.issubdtype(found[0].dtype, np.integer)
    assert len(resources_of(Context())) == 0
    assert resources_of(ctx.clone()) is resources
