// RUN: lut-opt %s --allow-unregistered-dialect --lower-nonlinear-to-pwl="input-scale=0.0625" | filecheck %s
// RUN: lut-opt %s --allow-unregistered-dialect --lower-nonlinear-to-pwl="input-scale=0.0625 keep=exp,tanh,sigmoid,rsqrt,reciprocal" | filecheck %s --check-prefix=KEPT

// Element-wise ops of other dialects are functions, by the names that the registry has for them …

// CHECK-LABEL: @stablehlo
// CHECK: pwl.apply #pwl.fn<tanh>
// CHECK: pwl.apply #pwl.fn<sigmoid>
// CHECK: pwl.apply #pwl.fn<exp>
// CHECK: pwl.apply #pwl.fn<rsqrt>
// CHECK-NOT: stablehlo
// KEPT-LABEL: @stablehlo
// KEPT: "stablehlo.tanh"{{.*}}pwl.kept
// KEPT: "stablehlo.logistic"{{.*}}pwl.kept
func.func @stablehlo(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = "stablehlo.tanh"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = "stablehlo.logistic"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %2 = "stablehlo.exponential"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %3 = "stablehlo.rsqrt"(%x) {pwl.range = [1.0, 4.0]} : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0, %1, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: @tosa
// CHECK: pwl.apply #pwl.fn<erf>
// CHECK: pwl.apply #pwl.fn<reciprocal>
// CHECK: pwl.apply #pwl.fn<sin>
func.func @tosa(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = "tosa.erf"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = tosa.reciprocal %x {pwl.range = [1.0, 4.0]} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = "tosa.sin"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// … chains of them too …

// CHECK-LABEL: @chain
// CHECK: pwl.apply #pwl.fn<silu>
func.func @chain(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.logistic"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = arith.mulf %x, %0 : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}

// … and what a named op of `linalg` repeats in its body is not looked at.

// CHECK-LABEL: @linalg
// CHECK: pwl.apply #pwl.fn<exp>
// CHECK: pwl.apply #pwl.fn<tanh>
// CHECK-NOT: linalg
// KEPT-LABEL: @linalg
// KEPT: linalg.exp{{.*}}pwl.kept
// KEPT: "linalg.tanh"
// KEPT-NOT: math.tanh{{.*}}pwl.kept
func.func @linalg(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = "linalg.tanh"(%x, %e) ({
  ^bb0(%a: f32, %b: f32):
    %t = math.tanh %a : f32
    linalg.yield %t : f32
  }) {operandSegmentSizes = array<i32: 1, 1>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
