// RUN: lut-opt %s --canonicalize | filecheck %s

!q = !quant.uniform<i8:f32, 1.0>

// Equal thresholds are one bit; none above or below all stored inputs is built; what is not used goes.

// CHECK-LABEL: @thresholds
func.func @thresholds(%x: tensor<3x!q>) -> tensor<2x!q> {
  // CHECK-NEXT: %[[B:.*]] = lutnet.encode %{{.*}} thresholds <{{\[\[}}5], [], [1]]> : {{.*}} -> tensor<2xi1>
  %b = lutnet.encode %x thresholds <[[-129, 5, 5], [127], [1, 2]]> : tensor<3x!q> -> tensor<6xi1>
  // CHECK-NEXT: lutnet.sum %[[B]] weights <{{\[\[}}5, 0], [9, 4]], bias = [1, 1]>
  %y = lutnet.sum %b weights <[[1, 2, 3, 4, 0, 0], [1, 4, 5, 4, 4, 0]], bias = [0, 0]> : tensor<6xi1> -> tensor<2x!q>
  return %y : tensor<2x!q>
}

// A table that ignores an input, or has the same twice, loses it; equal LUTs are one, constants go.

// CHECK-LABEL: @luts
func.func @luts(%b: tensor<3xi1>) -> tensor<1x!q> {
  // CHECK-NEXT: %[[C:.*]] = lutnet.layer %{{.*}} luts <connections = {{\[\[}}0, 1], [2]], tables = [0x8, 0x1]> : tensor<3xi1> -> tensor<2xi1>
  %c = lutnet.layer %b luts <connections = [[1, 0], [2, 2], [0, 1], [0, 2], [1, 2]], tables = [0x8, 0x1, 0x8, 0xf, 0x6]> : tensor<3xi1> -> tensor<5xi1>
  // CHECK-NEXT: lutnet.sum %[[C]] weights <{{\[\[}}9, 7]], bias = [5]>
  %y = lutnet.sum %c weights <[[6, 7, 3, 5, 0]], bias = [0]> : tensor<5xi1> -> tensor<1x!q>
  return %y : tensor<1x!q>
}

// What a constant decides in the next layer; a layer of copies is wires.

// CHECK-LABEL: @copies
func.func @copies(%b: tensor<3xi1>) -> tensor<2x!q> {
  // CHECK-NEXT: lutnet.sum %{{.*}} weights <{{\[\[}}0, 0, 3], [2, 0, 0]], bias = [0, 0]> : tensor<3xi1>
  %c = lutnet.layer %b luts <connections = [[0], [1, 2], [2]], tables = [0x2, 0xf, 0x2]> : tensor<3xi1> -> tensor<3xi1>
  %d = lutnet.layer %c luts <connections = [[0, 1], [1, 2]], tables = [0x8, 0x8]> : tensor<3xi1> -> tensor<2xi1>
  %y = lutnet.sum %d weights <[[0, 3], [2, 0]], bias = [0, 0]> : tensor<2xi1> -> tensor<2x!q>
  return %y : tensor<2x!q>
}

// A popcount over equal LUTs counts one of them twice.

// CHECK-LABEL: @popcount
func.func @popcount(%b: tensor<3xi1>) -> tensor<1x!q> {
  // CHECK-NEXT: %[[C:.*]] = lutnet.layer {{.*}} -> tensor<2xi1>
  // CHECK-NEXT: lutnet.sum %[[C]] weights <{{\[\[}}2, 1]], bits = {{\[\[}}0, 1]], bias = [1]>
  %c = lutnet.layer %b luts <connections = [[0, 1], [0, 1], [1, 2], [0]], tables = [0x8, 0x8, 0x6, 0x3]> : tensor<3xi1> -> tensor<4xi1>
  %y = lutnet.popcount %c : tensor<4xi1> -> tensor<1x!q>
  return %y : tensor<1x!q>
}

// Bits that something else sees stay as they are, but for the inputs that nothing needs.

// CHECK-LABEL: @seen
func.func @seen(%b: tensor<3xi1>) -> tensor<2xi1> {
  // CHECK-NEXT: lutnet.layer %{{.*}} luts <connections = {{\[\[}}0], [0]], tables = [0x1, 0x1]>
  %c = lutnet.layer %b luts <connections = [[0, 1], [0]], tables = [0x5, 0x1]> : tensor<3xi1> -> tensor<2xi1>
  return %c : tensor<2xi1>
}
