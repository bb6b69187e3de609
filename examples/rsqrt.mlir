// One over the square root, over twelve octaves: the leading zeros are split off, and a table of one
// octave is left.
func.func @normalize(%x: !torch.vtensor<[?,1],f32>) -> !torch.vtensor<[?,1],f32> {
  %y = torch.aten.rsqrt %x {pwl.range = [0.0625, 256.0]} : !torch.vtensor<[?,1],f32> -> !torch.vtensor<[?,1],f32>
  return %y : !torch.vtensor<[?,1],f32>
}
