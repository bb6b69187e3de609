"""
Operators that need no table: sums, products, comparisons, roundings, and what moves elements.

By their names, with what bounds and choices by pieces need no more than that. What is neither here
nor in the registry counts as an operator without a table.
"""

from __future__ import annotations

_DIALECTS = frozenset(
    """
    affine arith bufferization builtin cf comb func hw index memref ml_program pwl quant scf seq
    shape tensor torch_c transform ub vector
    """.split()
)
"""Where everything passes but what `_NOT` names."""

_NOT = frozenset(("arith.divf", "arith.remf"))

_TORCH = (
    *(
        "constant.",
        "copy.",
        "global_slot",
        "prim.",
        "quantized_decomposed.quantize",
        "quantized_decomposed.dequantize",
        "quantized_decomposed.fake_quant",
        "runtime.",
    ),
    *("aten.__", "overwrite.", "per_tensor_affine.", "linear_params.", "promote_dtypes"),
)
"""Beginnings of names in the `torch` dialect that compute nothing, or what integers compute."""

_TORCH_OTHER = frozenset(
    """
    bind_symbolic_shape derefine operator_terminator symbolic_int tensor.literal vtensor.literal
    tensor_static_info_cast quantized.linear
    prims.broadcast_in_dim prims.collapse prims.convert_element_type prims.iota prims.prod
    prims.split_dim prims.squeeze prims.sum prims.transpose prims.var prims.view_of
    """.split()
)

_ATEN = frozenset(
    """
    add addbmm addcmul addmm addmv addr baddbmm bilinear bmm chain_matmul conv1d conv2d conv3d
    conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution _convolution cumprod
    cumsum deg2rad diff dot einsum fft_fft fft_ifft fft_irfft fft_rfft inner int_mm kron lerp
    linalg_cross linalg_multi_dot linear matmul mean mm mul multiply mv neg negative outer positive
    prod rad2deg rsub scaled_mm scaled_mm_v2 stft sub subtract sum tensordot trace
    trapezoid trilinear var var_mean vdot nanmean nansum
    abs absolute aminmax amax amin argmax argmin clamp clamp_max clamp_min clip copysign cummax
    cummin fmax fmin hardshrink hardtanh heaviside l1_loss max maximum median min minimum nan_to_num
    nanmedian prelu relu relu6 rrelu sgn sign signbit softshrink threshold
    ceil fix floor frac round trunc
    all allclose any bucketize count_nonzero eq equal ge greater greater_equal gt isclose isfinite
    isin isinf isnan isneginf isposinf isreal kthvalue le less less_equal logical_and logical_not
    logical_or logical_xor lt ne nonzero nonzero_numpy nonzero_static not_equal one_hot searchsorted
    sort argsort topk unique_consecutive unique_dim unique2 where
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d
    max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices max_unpool2d
    max_unpool3d grid_sampler grid_sampler_2d grid_sampler_3d interpolate upsample_bicubic2d
    upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d
    upsample_nearest_exact1d upsample_nearest_exact2d upsample_trilinear3d affine_grid_generator
    alias alias_copy arange as_strided as_strided_copy as_strided_scatter atleast_1d atleast_2d
    atleast_3d block_diag broadcast_tensors broadcast_to cat channel_shuffle chunk clone col2im
    column_stack complex concat concatenate conj conj_physical constant_pad_nd contiguous copy cpu
    cuda detach detach_copy diag diag_embed diagonal diagonal_copy diagonal_scatter dropout
    feature_dropout alpha_dropout native_dropout dsplit dstack embedding embedding_bag empty
    empty_like empty_strided expand expand_as expand_copy eye fill flatten flip fliplr flipud full
    full_like gather hsplit hstack im2col imag index index_add index_copy index_fill index_put
    index_put_impl index_reduce index_select item lift_fresh lift_fresh_copy linspace masked_fill
    masked_scatter masked_select meshgrid moveaxis movedim narrow narrow_copy new_empty
    new_empty_strided new_full new_ones new_zeros numpy_T ones ones_like pad permute permute_copy
    pixel_shuffle pixel_unshuffle put real reflection_pad1d reflection_pad2d reflection_pad3d repeat
    repeat_interleave replication_pad1d replication_pad2d replication_pad3d reshape reshape_alias
    reshape_alias_copy reshape_as resize resolve_conj resolve_neg roll rot90 scalar_tensor scatter
    scatter_add scatter_reduce select select_copy select_scatter slice slice_copy slice_scatter
    split split_copy split_with_sizes split_with_sizes_copy squeeze squeeze_copy stack swapaxes
    swapdims t t_copy take take_along_dim tensor tensor_split tile to to_copy transpose
    transpose_copy tril triu type_as unbind unbind_copy unflatten unfold unfold_copy
    unsafe_chunk unsafe_index unsafe_index_put unsafe_split unsafe_split_with_sizes unsafe_view
    unsqueeze unsqueeze_copy view view_as view_as_complex view_as_real view_copy vsplit vstack zero
    zeros zeros_like
    bernoulli multinomial normal normal_functional rand_like randint_like randn_like uniform
    Bool Float FloatImplicit Int IntImplicit ScalarImplicit assert_async assert_scalar
    assert_tensor_metadata cast_Float cast_Long shape_as_tensor set_item dim device dequantize
    fake_quantize_per_channel_affine fake_quantize_per_channel_affine_cachemask
    fake_quantize_per_tensor_affine fake_quantize_per_tensor_affine_cachemask
    fake_quantize_per_tensor_affine_cachemask_tensor_qparams int_repr is_floating_point
    make_per_channel_quantized_tensor make_per_tensor_quantized_tensor numel quantize_per_channel
    quantize_per_tensor size sym_size sym_numel
    """.split()
)
"""Of `torch.aten`, without overloads and without underscores at the ends."""

_OTHER: dict[str, frozenset[str]] = {
    # `isnan` and the like have no float result.
    "math": frozenset("absf ceil clampf copysign floor fma round roundeven trunc".split()),
    "linalg": frozenset(
        """
        abs add conv_1d conv_2d conv_3d conv_1d_ncw_fcw conv_1d_nwc_wcf conv_2d_nchw_fchw
        conv_2d_nchw_fchw_q conv_2d_ngchw_fgchw conv_2d_ngchw_gfchw conv_2d_ngchw_gfchw_q
        conv_2d_nhwc_fhwc conv_2d_nhwc_fhwc_q conv_2d_nhwc_hwcf conv_2d_nhwc_hwcf_q
        conv_2d_nhwgc_gfhwc conv_3d_ncdhw_fcdhw conv_3d_ndhwc_dhwcf conv_3d_ndhwc_dhwcf_q
        depthwise_conv_1d_ncw_cw depthwise_conv_1d_nwc_wc depthwise_conv_1d_nwc_wcm
        depthwise_conv_2d_nchw_chw depthwise_conv_2d_nhwc_hwc depthwise_conv_2d_nhwc_hwc_q
        depthwise_conv_2d_nhwc_hwcm depthwise_conv_2d_nhwc_hwcm_q depthwise_conv_3d_ncdhw_cdhw
        depthwise_conv_3d_ndhwc_dhwc depthwise_conv_3d_ndhwc_dhwcm pooling_nchw_max
        pooling_nchw_sum pooling_ncw_max pooling_ncw_sum pooling_ndhwc_max pooling_ndhwc_min
        pooling_ndhwc_sum pooling_nhwc_max pooling_nhwc_max_unsigned pooling_nhwc_min
        pooling_nhwc_min_unsigned pooling_nhwc_sum pooling_nwc_max pooling_nwc_max_unsigned
        pooling_nwc_min pooling_nwc_min_unsigned pooling_nwc_sum
        batch_matmul batch_matvec batch_mmt4d batch_reduce_matmul batch_vecmat broadcast
        ceil contract copy dot fill fill_rng_2d floor generic index map matmul matvec max min mmt4d
        mul negf pack unpack quantized_batch_matmul quantized_matmul reduce round select sub
        transpose vecmat winograd_filter_transform winograd_input_transform
        winograd_output_transform yield
        """.split()
    ),
    # What torch-mlir makes of scans and scatters.
    "tm_tensor": frozenset("scan scatter sort topk yield".split()),
    "tosa": frozenset(
        """
        abs add argmax avg_pool2d cast ceil clamp concat const const_shape conv2d conv3d
        depthwise_conv2d equal fft2d floor fully_connected gather greater greater_equal identity
        matmul max_pool2d maximum minimum mul negate pad reduce_max reduce_min reduce_product
        reduce_sum rescale reshape resize reverse rfft2d scatter select slice sub tile transpose
        transpose_conv2d variable variable_read variable_write yield cond_if while_loop
        """.split()
    ),
    "stablehlo": frozenset(
        """
        abs add bitcast_convert broadcast broadcast_in_dim case ceil clamp compare concatenate
        constant convert convolution dot dot_general dynamic_broadcast_in_dim dynamic_conv
        dynamic_gather dynamic_iota dynamic_pad dynamic_reshape dynamic_slice dynamic_update_slice
        einsum fft floor gather get_tuple_element if imag iota is_finite map maximum minimum
        multiply negate pad real reduce reduce_precision reduce_window reshape return reverse
        round_nearest_afz round_nearest_even scatter select select_and_scatter sign slice sort
        subtract transpose tuple uniform_dequantize uniform_quantize while
        """.split()
    ),
    "chlo": frozenset(
        """
        broadcast_add broadcast_compare broadcast_maximum broadcast_minimum broadcast_multiply
        broadcast_select broadcast_subtract conj constant constant_like dynamic_reshape is_inf
        is_neg_inf is_pos_inf ragged_dot top_k
        """.split()
    ),
}
"""By dialect."""


def is_linear(name: str) -> bool:
    """Whether an operator of that name, dialect first, needs no table."""
    dialect, _, rest = name.partition(".")
    if dialect != "torch":
        return (dialect in _DIALECTS and name not in _NOT) or rest in _OTHER.get(dialect, ())
    if rest.startswith("aten.") and not rest.startswith("aten.__"):
        # Overloads, in-place and internal spellings compute the same.
        return rest.removeprefix("aten.").partition(".")[0].strip("_") in _ATEN
    return rest.startswith(_TORCH) or rest in _TORCH_OTHER
