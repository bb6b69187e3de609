// RUN: lut-opt %s | lut-opt | filecheck %s
// RUN: not lut-opt %s --print-op-generic 2>&1 | filecheck %s --check-prefix=GENERIC

// StableHLO and CHLO as their tools print them: read, and printed the same.

// GENERIC: error: stablehlo.constant was read in its own syntax and has no generic form here

func.func @stablehlo(%x: tensor<2x8xf32>, %im: tensor<1x2x8x8xf32>, %k: tensor<4x2x3x3xf32>, %p: tensor<2x8xi1>, %i: tensor<i64>) -> tensor<2x8xf32> {
  // CHECK: stablehlo.constant dense<0.000000e+00> : tensor<f32>
  %c = stablehlo.constant dense<0.000000e+00> : tensor<f32>
  // CHECK: stablehlo.tanh %{{[^ ,)]+}} {pwl.range = {{.*}}} : tensor<2x8xf32>
  %0 = stablehlo.tanh %x {pwl.range = [-4.0, 4.0]} : tensor<2x8xf32>
  // CHECK: stablehlo.broadcast_in_dim %{{[^ ,)]+}}, dims = [] : (tensor<f32>) -> tensor<2x8xf32>
  %1 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<f32>) -> tensor<2x8xf32>
  // CHECK: stablehlo.transpose %{{[^ ,)]+}}, dims = [1, 0] : (tensor<2x8xf32>) -> tensor<8x2xf32>
  %2 = stablehlo.transpose %0, dims = [1, 0] : (tensor<2x8xf32>) -> tensor<8x2xf32>
  // CHECK: stablehlo.dot_general %{{[^ ,)]+}}, %{{[^ ,)]+}}, contracting_dims = [1] x [0], precision = [DEFAULT, HIGHEST] : (tensor<8x2xf32>, tensor<2x8xf32>) -> tensor<8x8xf32>
  %3 = stablehlo.dot_general %2, %0, contracting_dims = [1] x [0], precision = [DEFAULT, HIGHEST] : (tensor<8x2xf32>, tensor<2x8xf32>) -> tensor<8x8xf32>
  // CHECK: stablehlo.reduce(%{{[^ ,)]+}} init: %{{[^ ,)]+}}) applies stablehlo.maximum across dimensions = [1] : (tensor<8x8xf32>, tensor<f32>) -> tensor<8xf32>
  %4 = stablehlo.reduce(%3 init: %c) applies stablehlo.maximum across dimensions = [1] : (tensor<8x8xf32>, tensor<f32>) -> tensor<8xf32>
  // CHECK: stablehlo.convolution(%{{[^ ,)]+}}, %{{[^ ,)]+}}) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {stride = [1, 1], pad = {{\[\[}}1, 1], [1, 1{{\]\]}}, rhs_dilate = [1, 1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x2x8x8xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x8x8xf32>
  %5 = stablehlo.convolution(%im, %k) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {stride = [1, 1], pad = [[1, 1], [1, 1]], rhs_dilate = [1, 1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x2x8x8xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x8x8xf32>
  // CHECK: stablehlo.compare GT, %{{[^ ,)]+}}, %{{[^ ,)]+}}, FLOAT : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xi1>
  %6 = stablehlo.compare GT, %0, %1, FLOAT : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xi1>
  // CHECK: stablehlo.select %{{[^ ,)]+}}, %{{[^ ,)]+}}, %{{[^ ,)]+}} : tensor<2x8xi1>, tensor<2x8xf32>
  %7 = stablehlo.select %6, %0, %1 : tensor<2x8xi1>, tensor<2x8xf32>
  // CHECK: stablehlo.clamp %{{[^ ,)]+}}, %{{[^ ,)]+}}, %{{[^ ,)]+}} : tensor<2x8xf32>
  %8 = stablehlo.clamp %1, %7, %x : tensor<2x8xf32>
  // CHECK: stablehlo.slice %{{[^ ,)]+}} [0:1, 2:6:2] : (tensor<2x8xf32>) -> tensor<1x2xf32>
  %9 = stablehlo.slice %8 [0:1, 2:6:2] : (tensor<2x8xf32>) -> tensor<1x2xf32>
  // CHECK: stablehlo.iota dim = 0 : tensor<8xi32>
  %10 = stablehlo.iota dim = 0 : tensor<8xi32>
  // CHECK: stablehlo.pad %{{[^ ,)]+}}, %{{[^ ,)]+}}, low = [0, 1], high = [1, 0], interior = [0, 0] : (tensor<1x2xf32>, tensor<f32>) -> tensor<2x3xf32>
  %11 = stablehlo.pad %9, %c, low = [0, 1], high = [1, 0], interior = [0, 0] : (tensor<1x2xf32>, tensor<f32>) -> tensor<2x3xf32>
  // CHECK: stablehlo.concatenate %{{[^ ,)]+}}, %{{[^ ,)]+}}, dim = 1 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x16xf32>
  %12 = stablehlo.concatenate %8, %x, dim = 1 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x16xf32>
  // CHECK: stablehlo.dynamic_slice %{{[^ ,)]+}}, %{{[^ ,)]+}}, %{{[^ ,)]+}}, sizes = [1, 4] : (tensor<2x8xf32>, tensor<i64>, tensor<i64>) -> tensor<1x4xf32>
  %13 = stablehlo.dynamic_slice %x, %i, %i, sizes = [1, 4] : (tensor<2x8xf32>, tensor<i64>, tensor<i64>) -> tensor<1x4xf32>
  // CHECK: stablehlo.custom_call @my_call(%{{[^ ,)]+}}) {api_version = 1 : i32} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %14 = stablehlo.custom_call @my_call(%x) {api_version = 1 : i32} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK: stablehlo.optimization_barrier %{{[^ ,)]+}}, %{{[^ ,)]+}} : tensor<2x8xf32>, tensor<f32>
  %15:2 = stablehlo.optimization_barrier %x, %c : tensor<2x8xf32>, tensor<f32>
  // CHECK: chlo.erf %{{[^ ,)]+}} : tensor<2x8xf32> -> tensor<2x8xf32>
  %16 = chlo.erf %x : tensor<2x8xf32> -> tensor<2x8xf32>
  // CHECK: chlo.top_k(%{{[^ ,)]+}}, k = 2) : tensor<2x8xf32> -> (tensor<2x2xf32>, tensor<2x2xi32>)
  %values, %indices = chlo.top_k(%x, k = 2) : tensor<2x8xf32> -> (tensor<2x2xf32>, tensor<2x2xi32>)
  // CHECK: stablehlo.exponential %{{[^ ,)]+}} {result_accuracy = #stablehlo.result_accuracy<mode = #stablehlo.result_accuracy_mode<HIGHEST>>} : tensor<2x8xf32>
  %17 = stablehlo.exponential %x {result_accuracy = #stablehlo.result_accuracy<mode = #stablehlo.result_accuracy_mode<HIGHEST>>} : tensor<2x8xf32>
  %18 = "stablehlo.reduce_window"(%im, %c) <{window_dimensions = array<i64: 1, 1, 2, 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %m = stablehlo.maximum %a, %b : tensor<f32>
    stablehlo.return %m : tensor<f32>
  }) : (tensor<1x2x8x8xf32>, tensor<f32>) -> tensor<1x2x7x7xf32>
  func.return %16 : tensor<2x8xf32>
}
