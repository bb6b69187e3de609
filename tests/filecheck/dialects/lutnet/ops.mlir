// RUN: lut-opt %s | lut-opt | filecheck %s
// RUN: lut-opt %s --print-op-generic | lut-opt | filecheck %s
// RUN: xdsl-opt %s | filecheck %s

!q = !quant.uniform<i8:f32, 6.250000e-02>

// CHECK-LABEL: @block
func.func @block(%x: tensor<2x?x2x!q>) -> tensor<2x?x2x!q> {
  // CHECK-NEXT: %[[B:.*]] = lutnet.encode %{{.*}} thresholds <[[-3, 0, 5], [7]]> : tensor<2x?x2x!quant.uniform<i8:f32, 6.250000e-02>> -> tensor<2x?x4xi1>
  %b = lutnet.encode %x thresholds <[[-3, 0, 5], [7]]> : tensor<2x?x2x!q> -> tensor<2x?x4xi1>
  // CHECK-NEXT: %[[C:.*]] = lutnet.layer %[[B]] luts <connections = {{\[\[}}0, 3], [2], []], tables = [0x8, 0x1, 0x1]> : tensor<2x?x4xi1> -> tensor<2x?x3xi1>
  %c = lutnet.layer %b luts <connections = [[0, 3], [2], []], tables = [8, 0x1, 0x1]> : tensor<2x?x4xi1> -> tensor<2x?x3xi1>
  // CHECK-NEXT: lutnet.sum %[[C]] weights <{{\[\[}}3, -1, 0], [2, -5, 1]], bias = [0, 64], shift = 4> : tensor<2x?x3xi1> -> tensor<2x?x2x!quant
  %y = lutnet.sum %c weights <[[3, -1, 0], [2, -5, 1]], bias = [0, 64], shift = 4> : tensor<2x?x3xi1> -> tensor<2x?x2x!q>
  return %y : tensor<2x?x2x!q>
}

// CHECK-LABEL: @readouts
func.func @readouts(%b: tensor<4xi1>) {
  // CHECK-NEXT: lutnet.popcount %{{.*}} : tensor<4xi1> -> tensor<2x!quant.uniform<u8:f32, 1.250000e-01:1>>
  %p = lutnet.popcount %b : tensor<4xi1> -> tensor<2x!quant.uniform<u8:f32, 1.25e-01:1>>
  // CHECK-NEXT: lutnet.sum %{{.*}} weights <{{\[\[}}3, -1], [2]], bits = {{\[\[}}0, 1], [3]], bias = [0, 0]> : tensor<4xi1>
  %g = lutnet.sum %b weights <[[3, -1], [2]], bits = [[0, 1], [3]], bias = [0, 0]> : tensor<4xi1> -> tensor<2x!q>
  return
}
