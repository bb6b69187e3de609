// RUN: lut-opt %s | lut-opt | filecheck %s
// RUN: lut-opt %s --print-op-generic | lut-opt | filecheck %s

func.func @forms(%s: !quant.uniform<i8:f32, 6.250000e-02>,
                 %t: tensor<2x?x!quant.uniform<i8:f32, 6.250000e-02>>,
                 %e: tensor<0x!quant.uniform<u8<1:255>:f32, 6.250000e-02>>,
                 %m: memref<4x!quant.uniform<i8:f32, 6.250000e-02>>) {
  // CHECK: pwl.apply #pwl.fn<gelu> %{{.*}} : !quant.uniform<i8:f32, 6.250000e-02> -> !quant.uniform<i8:f32, 6.250000e-02>
  %0 = pwl.apply #pwl.fn<gelu> %s : !quant.uniform<i8:f32, 6.250000e-02> -> !quant.uniform<i8:f32, 6.250000e-02>
  // CHECK-NEXT: pwl.apply #pwl.fn<leaky_relu, 1.000000e-02> %{{.*}} : tensor<2x?x
  %1 = pwl.apply #pwl.fn<leaky_relu, 0.01> %t : tensor<2x?x!quant.uniform<i8:f32, 6.250000e-02>> -> tensor<2x?x!quant.uniform<i32:f32, 9.765625e-04>>
  // CHECK-NEXT: pwl.apply @f %{{.*}} table #pwl.table<i8, breakpoints = [-3, 9], slopes = [1, 2, -3], intercepts = [-1, 2, 0], intercept_shift = 4, result_shift = 6> fit #pwl.fit<optimal, form = seed, metric = mse, seed = 0, entries = 3, points = 256, mse = 1.000000e-03, max_error = 2.500000e+00, exact = 5.000000e-01, optimal_mse = 1.000000e-03, domain = [-4.000000e+00, 4.000000e+00]> {pwl.range = [0.000000e+00 : f64, 1.000000e+00 : f64]} : tensor<2x?x
  %2 = pwl.apply @f %t
      table #pwl.table<i8, breakpoints = [-3, 9], slopes = [1, 2, -3], intercepts = [-1, 2, 0], intercept_shift = 4, result_shift = 6>
      fit #pwl.fit<optimal, form = seed, metric = mse, seed = 0, entries = 3, points = 256, mse = 1.0e-3, max_error = 2.5, exact = 0.5, optimal_mse = 1.0e-3, domain = [-4.0, 4.0]>
      {pwl.range = [0.0, 1.0]}
      : tensor<2x?x!quant.uniform<i8:f32, 6.250000e-02>> -> tensor<2x?x!quant.uniform<i8:f32, 6.250000e-02>>
  // CHECK-NEXT: pwl.apply #pwl.fn<rsqrt> %{{.*}} : tensor<0x!quant.uniform<u8<1:255>:f32, 6.250000e-02>> -> tensor<0x
  %3 = pwl.apply #pwl.fn<rsqrt> %e : tensor<0x!quant.uniform<u8<1:255>:f32, 6.250000e-02>> -> tensor<0x!quant.uniform<i8:f32, 6.250000e-02>>
  // CHECK-NEXT: pwl.apply #pwl.fn<exp> %{{.*}} into %{{.*}} : memref<4x!quant.uniform<i8:f32, 6.250000e-02>>, memref<4x
  pwl.apply #pwl.fn<exp> %m into %m : memref<4x!quant.uniform<i8:f32, 6.250000e-02>>, memref<4x!quant.uniform<i8:f32, 6.250000e-02>>
  // CHECK-NEXT: pwl.apply #pwl.fn<tanh> %{{.*}} table #pwl.table<i8, breakpoints = [], slopes = [1], intercepts = [300], intercept_bits = 16, result_shift = 1> : !quant
  %4 = pwl.apply #pwl.fn<tanh> %s table #pwl.table<i8, breakpoints = [], slopes = [1], intercepts = [300], result_shift = 1, intercept_bits = 16> : !quant.uniform<i8:f32, 6.250000e-02> -> !quant.uniform<i8:f32, 6.250000e-02>
  func.return
}

func.func @f(%x: f32) -> f32 {
  %y = arith.mulf %x, %x : f32
  func.return %y : f32
}
