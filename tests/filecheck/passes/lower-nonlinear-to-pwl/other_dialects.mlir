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

// In the text that their tools print, with the sums and products around them.

// CHECK-LABEL: @pretty_stablehlo
// CHECK: pwl.apply #pwl.fn<tanh>
// CHECK: pwl.apply #pwl.fn<silu>
// CHECK: pwl.apply #pwl.fn<erf>
// CHECK: pwl.divide
// CHECK: stablehlo.reduce(
func.func @pretty_stablehlo(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2xf32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.tanh %x : tensor<2x4xf32>
  %1 = stablehlo.logistic %x : tensor<2x4xf32>
  %2 = stablehlo.multiply %1, %x : tensor<2x4xf32>
  %3 = chlo.erf %x : tensor<2x4xf32> -> tensor<2x4xf32>
  %4 = stablehlo.divide %0, %3 : tensor<2x4xf32>
  %5 = stablehlo.reduce(%4 init: %zero) applies stablehlo.maximum across dimensions = [1] : (tensor<2x4xf32>, tensor<f32>) -> tensor<2xf32>
  func.return %0, %2, %3, %4, %5 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2xf32>
}

// CHECK-LABEL: @pretty_tosa
// CHECK: pwl.apply #pwl.fn<gelu>
// CHECK-NOT: = tosa.erf
func.func @pretty_tosa(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %half = "tosa.const"() <{values = dense<0.5> : tensor<1x1xf32>}> : () -> tensor<1x1xf32>
  %one = "tosa.const"() <{values = dense<1.0> : tensor<1x1xf32>}> : () -> tensor<1x1xf32>
  %root = "tosa.const"() <{values = dense<0.70710678> : tensor<1x1xf32>}> : () -> tensor<1x1xf32>
  %z = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %0 = tosa.mul %x, %root, %z : (tensor<2x4xf32>, tensor<1x1xf32>, tensor<1xi8>) -> tensor<2x4xf32>
  %1 = tosa.erf %0 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = tosa.add %1, %one : (tensor<2x4xf32>, tensor<1x1xf32>) -> tensor<2x4xf32>
  %3 = tosa.mul %2, %half, %z : (tensor<2x4xf32>, tensor<1x1xf32>, tensor<1xi8>) -> tensor<2x4xf32>
  %4 = tosa.mul %x, %3, %z : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<1xi8>) -> tensor<2x4xf32>
  func.return %4 : tensor<2x4xf32>
}

// CHECK-LABEL: @pretty_linalg
// CHECK: pwl.apply @fused_tanh_exp
// CHECK: pwl.softmax
// CHECK: linalg.elementwise kind=#linalg.elementwise_kind<abs>
func.func @pretty_linalg(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %e = tensor.empty() : tensor<2x4xf32>
  %0 = linalg.tanh ins(%x : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = linalg.elementwise kind=#linalg.elementwise_kind<exp> ins(%0 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = linalg.softmax dimension(1) ins(%1 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = linalg.elementwise kind=#linalg.elementwise_kind<abs> ins(%2 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  func.return %3 : tensor<2x4xf32>
}
