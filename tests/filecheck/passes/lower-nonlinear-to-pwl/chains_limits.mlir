// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.0625 input-signed=false" | filecheck %s

// What ends a chain. Two inputs do: SwiGLU's product, and a residual connection.

// CHECK-LABEL: @two_inputs
// CHECK:       pwl.apply #pwl.fn<silu>
// CHECK:       arith.mulf
// CHECK-NEXT:  arith.addf
func.func @two_inputs(%x: tensor<8xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %one = arith.constant dense<1.0> : tensor<8xf32>
  %0 = arith.negf %x : tensor<8xf32>
  %1 = math.exp %0 : tensor<8xf32>
  %2 = arith.addf %1, %one : tensor<8xf32>
  %3 = arith.divf %x, %2 : tensor<8xf32>
  %4 = arith.mulf %3, %z : tensor<8xf32>
  %5 = arith.addf %4, %x : tensor<8xf32>
  func.return %5 : tensor<8xf32>
}

// So does a result inside that is used outside.

// CHECK-LABEL: @interior_use
// CHECK:       pwl.apply #pwl.fn<tanh> %{{[^ ]*}} : tensor
// CHECK:       arith.mulf
// CHECK-NEXT:  func.return
func.func @interior_use(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %0 = math.tanh %x : tensor<8xf32>
  %1 = arith.mulf %0, %x : tensor<8xf32>
  func.return %0, %1 : tensor<8xf32>, tensor<8xf32>
}

// But what leads to the shared value, and what only follows it, are chains on either side.

// CHECK-LABEL: @either_side
// CHECK:       pwl.apply @fused_tanh %{{[^ ]*}} {pwl.fused = ["arith.addf{{[^"]*}}", "math.tanh{{[^"]*}}"]}
// CHECK:       pwl.apply @fused_exp %{{[^ ]*}} {pwl.fused = ["math.exp{{[^"]*}}", "arith.addf{{[^"]*}}"]}
func.func @either_side(%x: f32) -> (f32, f32) {
  %one = arith.constant 1.0 : f32
  %0 = arith.addf %x, %one : f32
  %1 = math.tanh %0 : f32
  %2 = math.exp %1 : f32
  %3 = arith.addf %2, %one : f32
  func.return %1, %3 : f32, f32
}

// Sums, bounds and constant factors alone are cheap, and so are products that spell nothing.

// CHECK-LABEL: @cheap
// CHECK-NOT:   pwl.apply
// CHECK:       func.return
func.func @cheap(%x: f32) -> (f32, f32) {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %0 = arith.mulf %x, %two : f32
  %1 = arith.maximumf %0, %zero : f32
  %2 = arith.addf %1, %x : f32
  %3 = arith.mulf %x, %x : f32
  %4 = arith.addf %3, %x : f32
  func.return %2, %4 : f32, f32
}

// Quantization within a chain ends it, and gives the scales on both sides.

// CHECK-LABEL: @quantized
// CHECK:       %[[t:.*]] = pwl.apply #pwl.fn<tanh> %q : !quant.uniform<i8:f32, 1.250000e-01> -> !quant.uniform<i8:f32, 7.812500e-03>
// CHECK-NEXT:  pwl.apply @fused_exp %[[t]] {{.*}} : !quant.uniform<i8:f32, 7.812500e-03> -> !quant.uniform<i8:f32, 5.000000e-01>
func.func @quantized(%q: !quant.uniform<i8:f32, 1.250000e-01>) -> !quant.uniform<i8:f32, 5.000000e-01> {
  %one = arith.constant 1.0 : f32
  %0 = quant.dcast %q : !quant.uniform<i8:f32, 1.250000e-01> to f32
  %1 = math.tanh %0 : f32
  %2 = quant.qcast %1 : f32 to !quant.uniform<i8:f32, 7.812500e-03>
  %3 = quant.dcast %2 : !quant.uniform<i8:f32, 7.812500e-03> to f32
  %4 = math.exp %3 : f32
  %5 = arith.addf %4, %one : f32
  %6 = quant.qcast %5 : f32 to !quant.uniform<i8:f32, 5.000000e-01>
  func.return %6 : !quant.uniform<i8:f32, 5.000000e-01>
}

// A change of format does, too.

// CHECK-LABEL: @formats
// CHECK:       pwl.apply #pwl.fn<tanh> %{{[^ ]*}} : !quant.uniform<u8:f64
// CHECK:       arith.mulf
func.func @formats(%x: f32) -> f32 {
  %0 = arith.extf %x : f32 to f64
  %1 = math.tanh %0 : f64
  %2 = arith.truncf %1 : f64 to f32
  %3 = arith.mulf %2, %x : f32
  func.return %3 : f32
}

// A chain is defined everywhere: where it would not be, operators stand alone, as with a norm's ε.

// CHECK-LABEL: @domain
// CHECK:       arith.addf
// CHECK-NEXT:  quant.qcast
// CHECK-NEXT:  pwl.apply #pwl.fn<rsqrt>
// CHECK:       pwl.apply @fused_sqrt %{{[^ ]*}} {pwl.fused = ["arith.mulf{{[^"]*}}", "arith.addf{{[^"]*}}", "math.sqrt{{[^"]*}}"]}
func.func @domain(%x: f32) -> (f32, f32) {
  %epsilon = arith.constant 1.0e-6 : f32
  %0 = arith.addf %x, %epsilon : f32
  %1 = math.rsqrt %0 {pwl.range = [0.0, 3.984375]} : f32
  %2 = arith.mulf %x, %x : f32
  %3 = arith.addf %2, %epsilon : f32
  %4 = math.sqrt %3 : f32
  func.return %1, %4 : f32, f32
}
