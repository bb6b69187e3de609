// The units of test_units_to_arith.py; !i16_4 has the scale 2^-4, !z8_4 a zero point too.

!i16_0 = !quant.uniform<i16:f32, 1.0>
!i16_10 = !quant.uniform<i16:f32, 0.0009765625>
!i16_13 = !quant.uniform<i16:f32, 0.0001220703125>
!i16_4 = !quant.uniform<i16:f32, 0.0625>
!i16_9 = !quant.uniform<i16:f32, 0.001953125>
!i32_14 = !quant.uniform<i32:f32, 6.103515625e-05>
!i32_20 = !quant.uniform<i32:f32, 9.5367431640625e-07>
!u32_20 = !quant.uniform<u32:f32, 9.5367431640625e-07>
!i8_4 = !quant.uniform<i8:f32, 0.0625>
!i8_7 = !quant.uniform<i8:f32, 0.0078125>
!u16_15 = !quant.uniform<u16:f32, 3.0517578125e-05>
!u16_8 = !quant.uniform<u16:f32, 0.00390625>
!u8_4 = !quant.uniform<u8:f32, 0.0625>
!u8_8 = !quant.uniform<u8:f32, 0.00390625>
!u8_0 = !quant.uniform<u8:f32, 1.0>
!u8_1 = !quant.uniform<u8<1:255>:f32, 0.5>
!z8_4 = !quant.uniform<i8:f32, 0.0625:-7>

func.func @softmax_last(%x: tensor<?x7x!i16_4>) -> tensor<?x7x!u8_8> {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<?x7x!i16_4> -> tensor<?x7x!u8_8>
  func.return %y : tensor<?x7x!u8_8>
}
func.func @softmax_middle(%x: tensor<2x?x3x!i8_4>) -> tensor<2x?x3x!i8_7> {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x?x3x!i8_4> -> tensor<2x?x3x!i8_7>
  func.return %y : tensor<2x?x3x!i8_7>
}
func.func @softmax_fine(%x: tensor<4x7x!u16_8>) -> tensor<4x7x!u16_15> {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -2047 : i64} : tensor<4x7x!u16_8> -> tensor<4x7x!u16_15>
  func.return %y : tensor<4x7x!u16_15>
}
func.func @softmax_vector(%x: tensor<8192x!i16_4>) -> tensor<8192x!u16_15> {
  %y = pwl.softmax %x {axis = 0 : i64, clip = -255 : i64} : tensor<8192x!i16_4> -> tensor<8192x!u16_15>
  func.return %y : tensor<8192x!u16_15>
}
// Rows of whole vectors, a few rows at a time.
func.func @softmax_rows(%x: tensor<3x32x64x!u16_8>) -> tensor<3x32x64x!u16_15> {
  %y = pwl.softmax %x {axis = 2 : i64, clip = -32767 : i64} : tensor<3x32x64x!u16_8> -> tensor<3x32x64x!u16_15>
  func.return %y : tensor<3x32x64x!u16_15>
}
func.func @softmax_columns(%x: tensor<2x5x64x!i8_4>) -> tensor<2x5x64x!i8_7> {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -127 : i64} : tensor<2x5x64x!i8_4> -> tensor<2x5x64x!i8_7>
  func.return %y : tensor<2x5x64x!i8_7>
}
func.func @softmax_far(%x: tensor<8x48x!i16_9>) -> tensor<8x48x!u8_8> {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -65535 : i64} : tensor<8x48x!i16_9> -> tensor<8x48x!u8_8>
  func.return %y : tensor<8x48x!u8_8>
}
// Results of 1 and of 0.5: the largest product is shifted by 32 bits, and others by more.
func.func @softmax_halves(%x: tensor<6x2x!u16_8>) -> tensor<6x2x!u8_0> {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -2047 : i64} : tensor<6x2x!u16_8> -> tensor<6x2x!u8_0>
  func.return %y : tensor<6x2x!u8_0>
}
func.func @softmax_quarters(%x: tensor<6x4x!u16_8>) -> tensor<6x4x!u8_1> {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -2047 : i64} : tensor<6x4x!u16_8> -> tensor<6x4x!u8_1>
  func.return %y : tensor<6x4x!u8_1>
}
func.func @softmax_nothing(%x: tensor<3x64x!u16_8>) -> tensor<3x64x!u8_0> {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -2047 : i64} : tensor<3x64x!u16_8> -> tensor<3x64x!u8_0>
  func.return %y : tensor<3x64x!u8_0>
}
func.func @log_softmax_last(%x: tensor<?x7x!i16_9>) -> tensor<?x7x!i16_10> {
  %y = pwl.log_softmax %x {axis = 1 : i64, clip = -4095 : i64} : tensor<?x7x!i16_9> -> tensor<?x7x!i16_10>
  func.return %y : tensor<?x7x!i16_10>
}
func.func @log_softmax_coarse(%x: tensor<2x9x3x!u8_4>) -> tensor<2x9x3x!i8_4> {
  %y = pwl.log_softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x9x3x!u8_4> -> tensor<2x9x3x!i8_4>
  func.return %y : tensor<2x9x3x!i8_4>
}
func.func @layer_affine(%x: tensor<3x?x6x!i16_9>,
    %g: tensor<6x!i16_13>, %b: tensor<6x!i32_20>) -> tensor<3x?x6x!i16_10> {
  %y = pwl.layer_norm %x gamma %g : tensor<6x!i16_13> beta %b : tensor<6x!i32_20>
      {epsilon = 1.0e-05, normalized = 1 : i64} : tensor<3x?x6x!i16_9> -> tensor<3x?x6x!i16_10>
  func.return %y : tensor<3x?x6x!i16_10>
}
func.func @layer_rows(%x: tensor<4x32x96x!i16_9>,
    %g: tensor<96x!i16_13>, %b: tensor<96x!i32_20>) -> tensor<4x32x96x!i16_10> {
  %y = pwl.layer_norm %x gamma %g : tensor<96x!i16_13> beta %b : tensor<96x!i32_20>
      {epsilon = 1.0e-05, normalized = 1 : i64} : tensor<4x32x96x!i16_9> -> tensor<4x32x96x!i16_10>
  func.return %y : tensor<4x32x96x!i16_10>
}
func.func @rms_narrow(%x: tensor<4x16x!i8_4>, %g: tensor<16x!i8_7>) -> tensor<4x16x!i8_4> {
  %y = pwl.rms_norm %x gamma %g : tensor<16x!i8_7>
      {epsilon = 1.0e-05, normalized = 1 : i64} : tensor<4x16x!i8_4> -> tensor<4x16x!i8_4>
  func.return %y : tensor<4x16x!i8_4>
}
func.func @layer_dynamic(%x: tensor<3x?x!i8_4>) -> tensor<3x?x!z8_4> {
  %y = pwl.layer_norm %x {epsilon = 1.0e-05, normalized = 1 : i64} : tensor<3x?x!i8_4> -> tensor<3x?x!z8_4>
  func.return %y : tensor<3x?x!z8_4>
}
func.func @layer_beta(%x: tensor<4x6x!z8_4>, %b: tensor<6x!i32_14>) -> tensor<4x6x!u8_4> {
  %y = pwl.layer_norm %x beta %b : tensor<6x!i32_14>
      {epsilon = 0.0, normalized = 1 : i64} : tensor<4x6x!z8_4> -> tensor<4x6x!u8_4>
  func.return %y : tensor<4x6x!u8_4>
}
func.func @layer_two_axes(%x: tensor<2x5x6x!i16_9>, %g: tensor<5x6x!i16_13>) -> tensor<2x5x6x!i8_4> {
  %y = pwl.layer_norm %x gamma %g : tensor<5x6x!i16_13>
      {epsilon = 1.0e-05, normalized = 2 : i64} : tensor<2x5x6x!i16_9> -> tensor<2x5x6x!i8_4>
  func.return %y : tensor<2x5x6x!i8_4>
}
func.func @layer_whole(%x: tensor<5x6x!i16_9>, %g: tensor<5x6x!i16_13>) -> tensor<5x6x!i8_4> {
  %y = pwl.layer_norm %x gamma %g : tensor<5x6x!i16_13>
      {epsilon = 1.0e-05, normalized = 2 : i64} : tensor<5x6x!i16_9> -> tensor<5x6x!i8_4>
  func.return %y : tensor<5x6x!i8_4>
}
func.func @layer_longest(%x: tensor<2x8192x!i16_0>) -> tensor<2x8192x!i16_9> {
  %y = pwl.layer_norm %x {epsilon = 1.0e+09, normalized = 1 : i64} : tensor<2x8192x!i16_0> -> tensor<2x8192x!i16_9>
  func.return %y : tensor<2x8192x!i16_9>
}
func.func @layer_steep(%x: tensor<3x8192x!i16_9>) -> tensor<3x8192x!i8_4> {
  %y = pwl.layer_norm %x {epsilon = 0.0, normalized = 1 : i64} : tensor<3x8192x!i16_9> -> tensor<3x8192x!i8_4>
  func.return %y : tensor<3x8192x!i8_4>
}
func.func @rms_steep(%x: tensor<3x8192x!i16_9>) -> tensor<3x8192x!i16_9> {
  %y = pwl.rms_norm %x {epsilon = 0.0, normalized = 1 : i64} : tensor<3x8192x!i16_9> -> tensor<3x8192x!i16_9>
  func.return %y : tensor<3x8192x!i16_9>
}
func.func @rms_affine(%x: tensor<6x6x!i16_9>, %g: tensor<6x!i16_13>) -> tensor<6x6x!i16_10> {
  %y = pwl.rms_norm %x gamma %g : tensor<6x!i16_13>
      {epsilon = 1.0e-06, normalized = 1 : i64} : tensor<6x6x!i16_9> -> tensor<6x6x!i16_10>
  func.return %y : tensor<6x6x!i16_10>
}
func.func @rms_bare(%x: tensor<?x1x!i8_4>) -> tensor<?x1x!i8_4> {
  %y = pwl.rms_norm %x {epsilon = 1.0e-06, normalized = 1 : i64} : tensor<?x1x!i8_4> -> tensor<?x1x!i8_4>
  func.return %y : tensor<?x1x!i8_4>
}
// Rows that are narrowed by their own leading zeros before anything is squared.
func.func @layer_wide(%x: tensor<9x6x!i32_20>, %g: tensor<6x!i16_13>) -> tensor<9x6x!i16_10> {
  %y = pwl.layer_norm %x gamma %g : tensor<6x!i16_13>
      {epsilon = 1.0e-05, normalized = 1 : i64} : tensor<9x6x!i32_20> -> tensor<9x6x!i16_10>
  func.return %y : tensor<9x6x!i16_10>
}
func.func @rms_wide(%x: tensor<3x?x!u32_20>) -> tensor<3x?x!i16_10> {
  %y = pwl.rms_norm %x {epsilon = 1.0e-06, normalized = 1 : i64} : tensor<3x?x!u32_20> -> tensor<3x?x!i16_10>
  func.return %y : tensor<3x?x!i16_10>
}
