// RUN: lut-opt %s | lut-opt | filecheck %s

// Named ops of linalg that xDSL does not list; an alias in their words is written out.

// CHECK: linalg.tanh ins(%{{[^ ]+}} : tensor<4xf32>) outs(%{{[^ ]+}} : tensor<4xf32>) -> tensor<4xf32>
// CHECK: linalg.elementwise kind=#linalg.elementwise_kind<exp> indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>] ins(
// CHECK: linalg.softmax dimension(1) ins(%{{[^ ]+}} : tensor<2x4xf32>) outs(%{{[^ ]+}} : tensor<2x4xf32>) -> tensor<2x4xf32>
// CHECK: linalg.batch_matmul ins(%{{.*}}, %{{.*}} : tensor<1x2x4xf32>, tensor<1x4x2xf32>) outs(
#map = affine_map<(d0) -> (d0)>
func.func @f(%x: tensor<4xf32>, %y: tensor<2x4xf32>, %z: tensor<2x4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.tanh ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.elementwise kind=#linalg.elementwise_kind<exp> indexing_maps = [#map, #map] ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %2 = linalg.softmax dimension(1) ins(%y : tensor<2x4xf32>) outs(%z : tensor<2x4xf32>) -> tensor<2x4xf32>
  %a = tensor.empty() : tensor<1x2x4xf32>
  %b = tensor.empty() : tensor<1x4x2xf32>
  %c = tensor.empty() : tensor<1x2x2xf32>
  %3 = linalg.batch_matmul ins(%a, %b : tensor<1x2x4xf32>, tensor<1x4x2xf32>) outs(%c : tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  func.return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>
}
