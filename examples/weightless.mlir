// How near to the middle a point of the plane lies, without a multiplication: a thermometer code of
// both coordinates, six LUTs each of which tests whether the point is within a rectangle, and a
// weighed sum.
!coordinate = !quant.uniform<i8:f32, 1.0>
!score = !quant.uniform<i8:f32, 1.0>

func.func @near(%x: tensor<16x2x!coordinate>) -> tensor<16x1x!score> {
  %code = lutnet.encode %x thresholds <[[-80, -48, -24, 24, 48, 80], [-80, -48, -24, 24, 48, 80]]> : tensor<16x2x!coordinate> -> tensor<16x12xi1>
  %inside = lutnet.layer %code luts <connections = [[2, 3, 6, 11], [1, 4, 7, 10], [0, 5, 8, 9], [1, 4, 6, 11], [0, 5, 7, 10], [0, 5, 6, 11]], tables = [0x20, 0x20, 0x20, 0x20, 0x20, 0x20]> : tensor<16x12xi1> -> tensor<16x6xi1>
  %y = lutnet.sum %inside weights <[[24, 24, 24, 16, 16, 8]], bias = [0], shift = 0> : tensor<16x6xi1> -> tensor<16x1x!score>
  return %y : tensor<16x1x!score>
}
