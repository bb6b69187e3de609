"""
The ops that stock `xdsl-opt` shall know, too: it can load only ops that a list names.

`lut-opt` itself knows every op of the dialect.
"""

COMMON = tuple(
    """
    aten.Bool.Tensor aten.Float.Tensor aten.Int.Tensor aten.__and__.Tensor aten._reshape_alias
    aten._softmax aten._to_copy aten._unsafe_view aten.abs aten.adaptive_avg_pool2d
    aten.add.Scalar aten.add.Tensor aten.add.int aten.addcmul aten.addmm aten.all aten.amax
    aten.amin aten.any aten.arange aten.arange.start aten.arange.start_step aten.argmax
    aten.avg_pool2d aten.baddbmm aten.batch_norm aten.bitwise_and.Tensor aten.bitwise_not
    aten.bmm aten.broadcast_to aten.cat aten.ceil aten.clamp aten.clamp_max aten.clamp_min
    aten.clone aten.constant_pad_nd aten.contiguous aten.convolution aten.cos aten.cumsum
    aten.detach aten.div.Scalar aten.div.Tensor aten.div.Tensor_mode aten.dropout aten.elu
    aten.embedding aten.empty.memory_format aten.eq.Scalar aten.eq.Tensor aten.erf aten.exp
    aten.expand aten.flatten.using_ints aten.floor aten.floor_divide aten.full aten.full_like
    aten.gather aten.ge.Scalar aten.ge.Tensor aten.gelu aten.group_norm aten.gt.Scalar
    aten.gt.Tensor aten.hardsigmoid aten.hardswish aten.index.Tensor aten.index_select aten.item
    aten.layer_norm aten.le.Scalar aten.le.Tensor aten.leaky_relu aten.lift_fresh_copy
    aten.linear aten.log aten.log_softmax.int aten.logical_and aten.logical_not aten.lt.Scalar
    aten.lt.Tensor aten.masked_fill.Scalar aten.masked_fill.Tensor aten.matmul aten.max
    aten.max.dim aten.max_pool2d aten.maximum aten.mean aten.mean.dim aten.min aten.minimum
    aten.mish aten.mm aten.mul.Scalar aten.mul.Tensor aten.mul.int aten.native_group_norm
    aten.native_layer_norm aten.ne.Scalar aten.ne.Tensor aten.neg aten.new_zeros aten.ones
    aten.permute aten.pow.Scalar aten.pow.Tensor_Scalar aten.pow.Tensor_Tensor aten.reciprocal
    aten.relu aten.relu6 aten.repeat aten.reshape aten.roll aten.round aten.rsqrt
    aten.rsub.Scalar aten.scalar_tensor aten.scaled_dot_product_attention aten.select.int
    aten.sigmoid aten.sign aten.silu aten.sin aten.size.int aten.slice.Tensor aten.softmax.int
    aten.softplus aten.split.Tensor aten.sqrt aten.square aten.squeeze.dim aten.stack
    aten.sub.Scalar aten.sub.Tensor aten.sum aten.sum.dim_IntList aten.t aten.tan aten.tanh
    aten.to.dtype aten.transpose.int aten.tril aten.triu aten.unsqueeze aten.upsample_bilinear2d
    aten.var.correction aten.view aten.where.ScalarOther aten.where.self aten.zeros
    copy.to_tensor copy.to_vtensor derefine per_tensor_affine.create prim.ListConstruct
    prim.ListUnpack prim.NumToTensor.Scalar prim.RaiseException prim.TupleUnpack
    prim.Uninitialized prim.unchecked_cast prims.convert_element_type prims.squeeze
    quantized_decomposed.dequantize_per_channel quantized_decomposed.dequantize_per_tensor
    quantized_decomposed.quantize_per_channel quantized_decomposed.quantize_per_tensor
    tensor_static_info_cast
    """.split()
)
