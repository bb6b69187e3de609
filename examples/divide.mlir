// A quotient of two tensors, as attention with linear kernels has it: the denominator may be of any
// octave of its range.
func.func @normalize(%x: !torch.vtensor<[?,64],f32>, %sum: !torch.vtensor<[?,1],f32>) -> !torch.vtensor<[?,64],f32> {
  %y = torch.aten.div.Tensor %x, %sum {pwl.range = [0.25, 64.0], pwl.range_numerator = [-8.0, 7.9375]} : !torch.vtensor<[?,64],f32>, !torch.vtensor<[?,1],f32> -> !torch.vtensor<[?,64],f32>
  return %y : !torch.vtensor<[?,64],f32>
}
