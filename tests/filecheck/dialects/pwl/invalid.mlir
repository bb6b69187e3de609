// RUN: not lut-opt %s --split-input-file 2>&1 | filecheck %s

// CHECK: invalid.mlir:5:{{[0-9]+}}: error: breakpoints must ascend: 9 comes before -3
func.func @order(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<exp> %x table #pwl.table<i8, breakpoints = [9, -3], slopes = [1, 2, 3], intercepts = [0, 0, 0]> : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: 2 slopes but 3 intercepts: give as many
func.func @lengths(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<exp> %x table #pwl.table<i8, breakpoints = [1], slopes = [1, 2], intercepts = [0, 0, 0]> : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: slope 200 does not fit in i8: [-128, 127]
func.func @width(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<exp> %x table #pwl.table<i8, breakpoints = [], slopes = [200], intercepts = [0]> : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: a table needs at least one entry
func.func @empty(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<exp> %x table #pwl.table<i8, breakpoints = [], slopes = [], intercepts = []> : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: invalid.mlir:29:3: error: 'pwl.apply': breakpoint 128 lies outside the storage range [-128, 127] of the input
func.func @range(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<exp> %x table #pwl.table<i8, breakpoints = [128], slopes = [1, 2], intercepts = [0, 0]> : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}the accumulator needs {{[0-9]+}} bits, more than 64
func.func @accumulator(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<exp> %x table #pwl.table<i8, breakpoints = [], slopes = [1], intercepts = [127], intercept_shift = 60> : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: unknown function 'gleu': use one of
func.func @name(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<gleu> %x : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: function 'leaky_relu' takes negative_slope, got 0 values
func.func @parameters(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<leaky_relu> %x : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}symbol @missing names nothing: define it
func.func @symbol(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply @missing %x : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}input of pwl.apply must have a !quant.uniform element type, got tensor<2xf32>
func.func @float(%x: tensor<2xf32>) {
  %y = pwl.apply #pwl.fn<exp> %x : tensor<2xf32> -> tensor<2x!quant.uniform<i8:f32, 1.0>>
  func.return
}
// -----
// CHECK: error: {{.*}}differ in shape
func.func @shape(%x: tensor<2x!quant.uniform<i8:f32, 1.0>>) {
  %y = pwl.apply #pwl.fn<exp> %x : tensor<2x!quant.uniform<i8:f32, 1.0>> -> tensor<3x!quant.uniform<i8:f32, 1.0>>
  func.return
}
// -----
// CHECK: error: mse must be finite and not negative, got nan
func.func @nan(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<exp> %x table #pwl.table<i8, breakpoints = [], slopes = [1], intercepts = [0]> fit #pwl.fit<optimal, form = seed, metric = mse, seed = 0, entries = 1, points = 256, mse = 0x7FF8000000000000, max_error = 0.0, exact = 1.0> : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: intercept 40000 does not fit in i16
func.func @wide_intercept(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<exp> %x table #pwl.table<i8, breakpoints = [], slopes = [1], intercepts = [40000], intercept_bits = 16> : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
