// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.0625" | filecheck %s

// Chains of arith and math: on tensors …

// CHECK-LABEL: @mish
// CHECK-NEXT:  quant.qcast
// CHECK-NEXT:  pwl.apply #pwl.fn<mish> %{{[^ ]*}} {pwl.fused = ["math.exp{{[^"]*}}", "math.log1p{{[^"]*}}", "math.tanh{{[^"]*}}", "arith.mulf{{[^"]*}}"]} : tensor<8x
// CHECK-NEXT:  quant.dcast
// CHECK-NEXT:  func.return
func.func @mish(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = math.exp %x : tensor<8xf32>
  %1 = math.log1p %0 : tensor<8xf32>
  %2 = math.tanh %1 : tensor<8xf32>
  %3 = arith.mulf %x, %2 : tensor<8xf32>
  func.return %3 : tensor<8xf32>
}

// CHECK-LABEL: @gelu
// CHECK:       pwl.apply #pwl.fn<gelu> {{.*}} : tensor<8x
func.func @gelu(%x: tensor<8xf32>) -> tensor<8xf32> {
  %root = arith.constant dense<0.707106781> : tensor<8xf32>
  %half = arith.constant dense<0.5> : tensor<8xf32>
  %one = arith.constant dense<1.0> : tensor<8xf32>
  %0 = arith.mulf %x, %root : tensor<8xf32>
  %1 = math.erf %0 : tensor<8xf32>
  %2 = arith.addf %one, %1 : tensor<8xf32>
  %3 = arith.mulf %x, %2 : tensor<8xf32>
  %4 = arith.mulf %3, %half : tensor<8xf32>
  func.return %4 : tensor<8xf32>
}

// … on scalars …

// CHECK-LABEL: @gelu_tanh
// CHECK:       pwl.apply #pwl.fn<gelu_tanh> {{.*}} : !quant.uniform<i8:f64,
func.func @gelu_tanh(%x: f64) -> f64 {
  %a = arith.constant 0.044715 : f64
  %b = arith.constant 0.79788456080286541 : f64
  %half = arith.constant 0.5 : f64
  %one = arith.constant 1.0 : f64
  %three = arith.constant 3.0 : f64
  %0 = math.powf %x, %three : f64
  %1 = arith.mulf %0, %a : f64
  %2 = arith.addf %x, %1 : f64
  %3 = arith.mulf %2, %b : f64
  %4 = math.tanh %3 : f64
  %5 = arith.addf %4, %one : f64
  %6 = arith.mulf %x, %half : f64
  %7 = arith.mulf %6, %5 : f64
  func.return %7 : f64
}

// CHECK-LABEL: @sigmoids
// CHECK:       pwl.apply #pwl.fn<quick_gelu>
// CHECK:       pwl.apply #pwl.fn<silu>
// CHECK:       pwl.apply #pwl.fn<softsign>
// CHECK:       pwl.apply #pwl.fn<hardswish>
func.func @sigmoids(%x: f32) {
  %k = arith.constant -1.702 : f32
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %three = arith.constant 3.0 : f32
  %six = arith.constant 6.0 : f32
  %0 = arith.mulf %k, %x : f32
  %1 = math.exp %0 : f32
  %2 = arith.addf %one, %1 : f32
  %3 = arith.divf %x, %2 : f32
  %4 = arith.negf %x : f32
  %5 = math.exp %4 : f32
  %6 = arith.addf %5, %one : f32
  %7 = arith.divf %one, %6 : f32
  %8 = arith.mulf %7, %x : f32
  %9 = math.absf %x : f32
  %10 = arith.addf %9, %one : f32
  %11 = arith.divf %x, %10 : f32
  %12 = arith.addf %x, %three : f32
  %13 = arith.maximumf %12, %zero : f32
  %14 = arith.minimumf %13, %six : f32
  %15 = arith.mulf %x, %14 : f32
  %16 = arith.divf %15, %six : f32
  func.return
}

// … and within one linalg.generic, with constants from outside.

// CHECK-LABEL: @generic
// CHECK:       ^{{.*}}(%[[a:.*]]: f32, %[[b:.*]]: f32):
// CHECK-NEXT:    %[[q:.*]] = quant.qcast %[[a]]
// CHECK-NEXT:    %[[t:.*]] = pwl.apply #pwl.fn<elu, 1.000000e+00, 1.000000e+00, 1.000000e+00> %[[q]] {pwl.fused = ["arith.cmpf{{[^"]*}}", "math.exp{{[^"]*}}", "arith.subf{{[^"]*}}", "arith.select{{[^"]*}}"]}
// CHECK-NEXT:    %[[y:.*]] = quant.dcast %[[t]]
// CHECK-NEXT:    linalg.yield %[[y]]
func.func @generic(%x: tensor<8xf32>, %o: tensor<8xf32>) -> tensor<8xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%o : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %1 = arith.cmpf ogt, %a, %zero : f32
    %2 = math.exp %a : f32
    %3 = arith.subf %2, %one : f32
    %4 = arith.select %1, %a, %3 : f32
    linalg.yield %4 : f32
  } -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}

// A function of its own has a body of arith and math. Its names are those of what is non-linear.

// CHECK-LABEL: @own
// CHECK:       pwl.apply @fused_exp_2 %{{[^ ]*}}
// CHECK:       pwl.apply @fused_exp_2 %{{[^ ]*}}
func.func @own(%x: vector<4xf32>, %z: f32) {
  %0 = math.absf %x : vector<4xf32>
  %1 = math.exp %0 : vector<4xf32>
  %2 = arith.mulf %1, %x : vector<4xf32>
  %3 = math.absf %z : f32
  %4 = math.exp %3 : f32
  %5 = arith.mulf %4, %z : f32
  func.return
}

// CHECK-LABEL: func.func @fused_exp(
func.func @fused_exp() { func.return }
func.func @fused_exp_1() { func.return }

// CHECK-LABEL: func.func private @fused_exp_2(%{{.*}}: f32) -> f32 {
// CHECK-NEXT:    math.absf
// CHECK-NEXT:    math.exp
// CHECK-NEXT:    arith.mulf
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
// CHECK-NEXT: }
