// The non-linear operators of one transformer block, as torch-mlir exports them, with the ranges that
// a calibration would write.
//
//   lut-opt examples/transformer_block.mlir --lower-nonlinear-to-pwl --pwl-search \
//       --convert-pwl-to-hw -t systemverilog
module {
  func.func @block(%scores: !torch.vtensor<[4,16,16],f32>, %variance: !torch.vtensor<[16,1],f32>,
                   %hidden: !torch.vtensor<[16,256],f32>, %gate: !torch.vtensor<[16,256],f32>)
      -> (!torch.vtensor<[4,16,16],f32>, !torch.vtensor<[16,1],f32>,
          !torch.vtensor<[16,256],f32>, !torch.vtensor<[16,256],f32>) {
    %none = torch.constant.str "none"
    // softmax: exp of the difference to the row's maximum
    %e = torch.aten.exp %scores {pwl.range = [-8.0, 0.0]}
        : !torch.vtensor<[4,16,16],f32> -> !torch.vtensor<[4,16,16],f32>
    // layer norm: one over the standard deviation
    %r = torch.aten.rsqrt %variance {pwl.range = [0.25, 4.0]}
        : !torch.vtensor<[16,1],f32> -> !torch.vtensor<[16,1],f32>
    // feed-forward
    %g = torch.aten.gelu %hidden, %none {pwl.range = [-4.0, 3.96875]}
        : !torch.vtensor<[16,256],f32>, !torch.str -> !torch.vtensor<[16,256],f32>
    %s = torch.aten.silu %gate {pwl.range = [-8.0, 7.9375]}
        : !torch.vtensor<[16,256],f32> -> !torch.vtensor<[16,256],f32>
    return %e, %r, %g, %s : !torch.vtensor<[4,16,16],f32>, !torch.vtensor<[16,1],f32>,
        !torch.vtensor<[16,256],f32>, !torch.vtensor<[16,256],f32>
  }
}
