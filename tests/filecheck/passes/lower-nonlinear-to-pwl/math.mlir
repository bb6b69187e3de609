// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.03125 keep=erf" | filecheck %s

// CHECK-LABEL: @scalar
func.func @scalar(%x: f64) -> f64 {
  // CHECK: pwl.apply #pwl.fn<exp> %{{.*}} : !quant.uniform<i8:f64, 3.125000e-02> -> !quant.uniform<u8:f64, 2.500000e-01>
  %0 = math.exp %x : f64
  func.return %0 : f64
}

// CHECK-LABEL: @vector
func.func @vector(%x: vector<4xf32>) -> vector<4xf32> {
  // CHECK: pwl.apply #pwl.fn<sin> %{{.*}} : vector<4x!quant.uniform<i8:f32, 3.125000e-02>> -> vector<4x!quant.uniform<i8:f32, 7.812500e-03>>
  %0 = math.sin %x : vector<4xf32>
  func.return %0 : vector<4xf32>
}

// CHECK-LABEL: @generic
func.func @generic(%x: tensor<8xf32>, %o: tensor<8xf32>) -> tensor<8xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%o : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    // CHECK: quant.qcast %{{.*}} : f32 to !quant.uniform<u8<32:254>:f32, 1.562500e-02>
    // CHECK-NEXT: pwl.apply #pwl.fn<log>
    // CHECK-NEXT: quant.dcast
    // CHECK-NEXT: linalg.yield
    %c = math.log %a {pwl.range = [0.5, 3.96875]} : f32
    linalg.yield %c : f32
  } -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}

// A constant exponent picks the function.

// CHECK-LABEL: @power
func.func @power(%x: f32) -> f32 {
  %c = arith.constant 2.5 : f32
  // CHECK: pwl.apply #pwl.fn<pow, 2.500000e+00> %{{.*}} : !quant.uniform<u8:f32, 1.562500e-02>
  %0 = math.powf %x, %c {pwl.range = [0.0, 3.984375]} : f32
  func.return %0 : f32
}

// CHECK-LABEL: @kept
func.func @kept(%x: f32) -> f32 {
  // CHECK: math.erf
  %0 = math.erf %x : f32
  func.return %0 : f32
}

// The body of a function that pwl.apply names says what to approximate; it is not lowered itself.

// CHECK-LABEL: @custom
func.func @custom(%x: !quant.uniform<i8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 3.125000e-02> {
  %0 = pwl.apply @quick_gelu %x : !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 3.125000e-02>
  func.return %0 : !quant.uniform<i8:f32, 3.125000e-02>
}

// CHECK-LABEL: @quick_gelu
func.func @quick_gelu(%x: f32) -> f32 {
  %k = arith.constant -1.702 : f32
  %one = arith.constant 1.0 : f32
  %a = arith.mulf %k, %x : f32
  // CHECK: math.exp
  %e = math.exp %a : f32
  %d = arith.addf %one, %e : f32
  %y = arith.divf %x, %d : f32
  func.return %y : f32
}
