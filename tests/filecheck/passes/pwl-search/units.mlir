// RUN: lut-opt %s --pwl-search="param-bits=12" --verify-pwl | filecheck %s
// RUN: lut-opt %s --pwl-search="entries=4" --verify-pwl -t json | filecheck %s --check-prefix=JSON
// RUN: lut-opt %s --pwl-search="param-bits=12 strategy=uniform" --verify-pwl | filecheck %s --check-prefix=UNIFORM

// Twelve bits resolve exp where masked positions are, so the zero there needs a segment of its own.

// CHECK: pwl.softmax %{{.*}} exp_fraction = 14 : i64, exp = #pwl.table<i12, breakpoints = [-{{[0-9]+}}, {{.*}}slopes = [0, {{.*}}intercepts = [0, {{.*}}exp_fit = #pwl.fit<optimal, {{.*}}points = 256, {{.*}}reciprocal = #pwl.table<i12, {{.*}}reciprocal_fit = #pwl.fit<optimal, {{.*}}optimal_mse
// CHECK-NEXT: pwl.layer_norm %{{.*}} rsqrt = #pwl.table<i12, breakpoints = {{.*}}rsqrt_fit = #pwl.fit<optimal
// CHECK-NEXT: pwl.rms_norm %{{.*}} rsqrt = #pwl.table<i12, breakpoints = {{.*}}rsqrt_fit = #pwl.fit<optimal

// UNIFORM: exp = #pwl.table<i12, breakpoints = [-{{[0-9]+}}, {{.*}}slopes = [0, {{.*}}intercepts = [0, {{.*}}exp_fit = #pwl.fit<uniform
// UNIFORM-NEXT: pwl.layer_norm {{.*}}rsqrt_fit = #pwl.fit<uniform

// JSON: "function": "exp",
// JSON: "entries": 4,
// JSON: "unit": "softmax",
// JSON: "function": "reciprocal",
// JSON: "unit": "softmax",
// JSON: "function": "rsqrt",
// JSON: "unit": "layer_norm",
// JSON: "unit": "rms_norm",
func.func @units(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %0 = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  %1 = pwl.layer_norm %x {epsilon = 1.0e-05, normalized = 1 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<i8:f32, 6.250000e-02>>
  %2 = pwl.rms_norm %x {epsilon = 1.0e-05, normalized = 1 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<i8:f32, 6.250000e-02>>
  func.return
}
