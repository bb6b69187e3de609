// RUN: not lut-opt %s --split-input-file 2>&1 | filecheck %s

// CHECK: invalid.mlir:5:{{[0-9]+}}: error: thresholds of feature 1 must ascend, got [3, -3]
func.func @order(%x: tensor<2x!quant.uniform<i8:f32, 1.0>>) {
  %b = lutnet.encode %x thresholds <[[0], [3, -3]]> : tensor<2x!quant.uniform<i8:f32, 1.0>> -> tensor<3xi1>
  return
}
// -----
// CHECK: invalid.mlir:11:3: error: 'lutnet.encode': the last axis of the input has 3 elements, not 2
func.func @features(%x: tensor<3x!quant.uniform<i8:f32, 1.0>>) {
  %b = lutnet.encode %x thresholds <[[0], [3]]> : tensor<3x!quant.uniform<i8:f32, 1.0>> -> tensor<2xi1>
  return
}
// -----
// CHECK: error: 'lutnet.encode': the last axis of the result has 3 elements, not 2
func.func @bits(%x: tensor<2x!quant.uniform<i8:f32, 1.0>>) {
  %b = lutnet.encode %x thresholds <[[0], [3]]> : tensor<2x!quant.uniform<i8:f32, 1.0>> -> tensor<3xi1>
  return
}
// -----
// CHECK: error: lutnet.encode needs a ranked tensor of !quant.uniform elements, got tensor<2xf32>
func.func @floats(%x: tensor<2xf32>) {
  %b = lutnet.encode %x thresholds <[[0], [3]]> : tensor<2xf32> -> tensor<2xi1>
  return
}
// -----
// CHECK: error: 'lutnet.encode': input {{.*}} and result {{.*}} differ in other axes than the last
func.func @axes(%x: tensor<4x2x!quant.uniform<i8:f32, 1.0>>) {
  %b = lutnet.encode %x thresholds <[[0], [3]]> : tensor<4x2x!quant.uniform<i8:f32, 1.0>> -> tensor<5x2xi1>
  return
}
// -----
// CHECK: error: table 0x10 of LUT 0 does not have 2^2 bits, one for each address
func.func @table(%b: tensor<2xi1>) {
  %c = lutnet.layer %b luts <connections = [[0, 1]], tables = [0x10]> : tensor<2xi1> -> tensor<1xi1>
  return
}
// -----
// CHECK: error: LUT 0 has 7 inputs, more than 6
func.func @inputs(%b: tensor<2xi1>) {
  %c = lutnet.layer %b luts <connections = [[0, 1, 0, 1, 0, 1, 0]], tables = [0]> : tensor<2xi1> -> tensor<1xi1>
  return
}
// -----
// CHECK: error: 1 rows of connections but 2 tables: give as many
func.func @rows(%b: tensor<2xi1>) {
  %c = lutnet.layer %b luts <connections = [[0, 1]], tables = [0, 1]> : tensor<2xi1> -> tensor<2xi1>
  return
}
// -----
// CHECK: error: 'lutnet.layer': a LUT is connected to bit 2 of 2
func.func @wire(%b: tensor<2xi1>) {
  %c = lutnet.layer %b luts <connections = [[0, 2]], tables = [1]> : tensor<2xi1> -> tensor<1xi1>
  return
}
// -----
// CHECK: error: unknown key 'table': use connections, tables
func.func @key(%b: tensor<2xi1>) {
  %c = lutnet.layer %b luts <table = [1]> : tensor<2xi1> -> tensor<1xi1>
  return
}
// -----
// CHECK: error: 'lutnet.popcount': 3 bits are not 2 equal groups
func.func @groups(%b: tensor<3xi1>) {
  %c = lutnet.popcount %b : tensor<3xi1> -> tensor<2x!quant.uniform<u8:f32, 1.0>>
  return
}
// -----
// CHECK: error: 'lutnet.popcount': counts from 0 to 8 do not fit the storage range [0, 7] of the result
func.func @count(%b: tensor<8xi1>) {
  %c = lutnet.popcount %b : tensor<8xi1> -> tensor<1x!quant.uniform<u3:f32, 1.0>>
  return
}
// -----
// CHECK: error: 'lutnet.sum': a sum over 2 bits is given 3
func.func @dense(%b: tensor<3xi1>) {
  %c = lutnet.sum %b weights <[[1, 2]], bias = [0]> : tensor<3xi1> -> tensor<1x!quant.uniform<i8:f32, 1.0>>
  return
}
// -----
// CHECK: error: each row of `bits` must be as long as its row of weights
func.func @named(%b: tensor<3xi1>) {
  %c = lutnet.sum %b weights <[[1, 2]], bits = [[1]], bias = [0]> : tensor<3xi1> -> tensor<1x!quant.uniform<i8:f32, 1.0>>
  return
}
// -----
// CHECK: error: result 0 sums up to [0, 4294967294], more than 32 bits: use smaller weights
func.func @wide(%b: tensor<2xi1>) {
  %c = lutnet.sum %b weights <[[2147483647, 2147483647]], bias = [0]> : tensor<2xi1> -> tensor<1x!quant.uniform<i8:f32, 1.0>>
  return
}
// -----
// CHECK: error: shift 31 is not within 0 … 30
func.func @shift(%b: tensor<1xi1>) {
  %c = lutnet.sum %b weights <[[1]], bias = [0], shift = 31> : tensor<1xi1> -> tensor<1x!quant.uniform<i8:f32, 1.0>>
  return
}
