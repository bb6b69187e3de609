// RUN: lut-opt %s | lut-opt | filecheck %s
// RUN: lut-opt %s --print-op-generic | lut-opt | filecheck %s

func.func @units(%x: tensor<2x?x8x!quant.uniform<i16:f32, 6.250000e-02>>,
                 %g: tensor<8x!quant.uniform<i16:f32, 6.103515625e-05>>,
                 %b: tensor<8x!quant.uniform<i32:f32, 9.5367431640625e-07>>) {
  // CHECK: pwl.softmax %{{.*}} {axis = 2 : i64, clip = -255 : i64} : tensor<2x?x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x?x8x!quant.uniform<u8:f32, 3.906250e-03>>
  %0 = pwl.softmax %x {axis = 2 : i64, clip = -255 : i64} : tensor<2x?x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x?x8x!quant.uniform<u8:f32, 3.906250e-03>>
  // CHECK-NEXT: pwl.softmax %{{.*}} {axis = 1 : i64, clip = -16 : i64, exp_fraction = 4 : i64, exp = #pwl.table<i8, breakpoints = [-15], slopes = [0, 1], intercepts = [0, 16]>, reciprocal = #pwl.table<i8, breakpoints = [], slopes = [-32], intercepts = [96], intercept_shift = 10>}
  %1 = pwl.softmax %x {axis = 1 : i64, clip = -16 : i64, exp_fraction = 4 : i64,
    exp = #pwl.table<i8, breakpoints = [-15], slopes = [0, 1], intercepts = [0, 16]>,
    reciprocal = #pwl.table<i8, breakpoints = [], slopes = [-32], intercepts = [96], intercept_shift = 10>}
    : tensor<2x?x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x?x8x!quant.uniform<u8:f32, 3.906250e-03>>
  // CHECK-NEXT: pwl.layer_norm %{{.*}} gamma %{{.*}} : tensor<8x!quant.uniform<i16:f32, 6.103515625E-5>> beta %{{.*}} : tensor<8x!quant.uniform<i32:f32, {{.*}}>> {epsilon = 1.000000e-05 : f64, normalized = 1 : i64} : tensor<2x?x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x?x8x!quant.uniform<i8:f32, 6.250000e-02>>
  %2 = pwl.layer_norm %x gamma %g : tensor<8x!quant.uniform<i16:f32, 6.103515625e-05>> beta %b : tensor<8x!quant.uniform<i32:f32, 9.5367431640625e-07>>
    {epsilon = 1.0e-05 : f64, normalized = 1 : i64} : tensor<2x?x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x?x8x!quant.uniform<i8:f32, 6.250000e-02>>
  // CHECK-NEXT: pwl.layer_norm %{{.*}} {epsilon = 0.000000e+00 : f64, normalized = 2 : i64} : tensor<2x?x8x
  %3 = pwl.layer_norm %x {epsilon = 0.0 : f64, normalized = 2 : i64} : tensor<2x?x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x?x8x!quant.uniform<i8:f32, 6.250000e-02:3>>
  // CHECK-NEXT: pwl.rms_norm %{{.*}} gamma %{{.*}} : tensor<8x!quant.uniform<i16:f32, 6.103515625E-5>> {epsilon = 1.000000e-06 : f64, normalized = 1 : i64, rsqrt = #pwl.table<i8, breakpoints = [], slopes = [-32], intercepts = [96], intercept_shift = 9>}
  %4 = pwl.rms_norm %x gamma %g : tensor<8x!quant.uniform<i16:f32, 6.103515625e-05>>
    {epsilon = 1.0e-06 : f64, normalized = 1 : i64, rsqrt = #pwl.table<i8, breakpoints = [], slopes = [-32], intercepts = [96], intercept_shift = 9>}
    : tensor<2x?x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x?x8x!quant.uniform<i8:f32, 6.250000e-02>>
  func.return
}
