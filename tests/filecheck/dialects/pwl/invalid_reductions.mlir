// RUN: not lut-opt %s --split-input-file 2>&1 | filecheck %s

// CHECK: error: {{.*}}no range reduction is known for #pwl.fn<gelu>: use one of reciprocal, rsqrt, sqrt, log
func.func @gelu(%x: !quant.uniform<u16:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<gelu> %x reduce #pwl.leading_zero<table_bits = 9> : !quant.uniform<u16:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}table_bits 15 is not within 2 … 14
func.func @bits(%x: !quant.uniform<u16:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<log> %x reduce #pwl.leading_zero<table_bits = 15> : !quant.uniform<u16:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}the shifts of rsqrt must be even, got (3, 6)
func.func @odd(%x: !quant.uniform<u16:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<rsqrt> %x reduce #pwl.multi_range<bounds = [128, 1024], shifts = [3, 6], range = [16, 128], fraction = 5> : !quant.uniform<u16:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}the range [16, 128] saturates next to the bound 256: move the bound, or change the shifts
func.func @gap(%x: !quant.uniform<u16:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<rsqrt> %x reduce #pwl.multi_range<bounds = [256], shifts = [4], range = [16, 128], fraction = 5> : !quant.uniform<u16:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}range [2, 128] must ascend within 1/8 … 16, which is [4, 512]
func.func @steep(%x: !quant.uniform<u16:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<rsqrt> %x reduce #pwl.multi_range<bounds = [100], shifts = [4], range = [2, 128], fraction = 5> : !quant.uniform<u16:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}breakpoint 300 lies outside the storage range [512, 1024] of the input
func.func @breakpoint(%x: !quant.uniform<u16:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<log> %x reduce #pwl.leading_zero<table_bits = 9> table #pwl.table<i8, breakpoints = [300], slopes = [1, 2], intercepts = [0, 0]> : !quant.uniform<u16:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}a logarithm needs a result scale from 2^-47 to 2^14, got 65536.0
func.func @coarse(%x: !quant.uniform<u16:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<log> %x reduce #pwl.leading_zero<table_bits = 9> : !quant.uniform<u16:f32, 1.0> -> !quant.uniform<i8:f32, 65536.0>
  func.return
}
// -----
// CHECK: error: {{.*}}no stored input is positive: use another storage range or zero point
func.func @negative(%x: !quant.uniform<u8:f32, 1.0:255>) {
  %y = pwl.apply #pwl.fn<log> %x reduce #pwl.leading_zero<table_bits = 9> : !quant.uniform<u8:f32, 1.0:255> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}the numerator of pwl.divide has at most 16 bits, got 32
func.func @wide(%a: !quant.uniform<i32:f32, 1.0>, %b: !quant.uniform<u32:f32, 1.0>) {
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9> : !quant.uniform<i32:f32, 1.0>, !quant.uniform<u32:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: error: {{.*}}the denominator tensor<3x!quant.uniform<u32:f32, 1.000000e+00>> does not broadcast to the result tensor<4x!quant.uniform<i8:f32, 1.000000e+00>>
func.func @shape(%a: tensor<4x!quant.uniform<i8:f32, 1.0>>, %b: tensor<3x!quant.uniform<u32:f32, 1.0>>) {
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9> : tensor<4x!quant.uniform<i8:f32, 1.0>>, tensor<3x!quant.uniform<u32:f32, 1.0>> -> tensor<4x!quant.uniform<i8:f32, 1.0>>
  func.return
}
// -----
// CHECK: error: {{.*}}axis 0 of the result tensor<?x!quant.uniform<i8:f32, 1.000000e+00>> is dynamic, but that of no operand is: give its size
func.func @dynamic(%a: tensor<1x!quant.uniform<i8:f32, 1.0>>, %b: tensor<1x!quant.uniform<u32:f32, 1.0>>) {
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9> : tensor<1x!quant.uniform<i8:f32, 1.0>>, tensor<1x!quant.uniform<u32:f32, 1.0>> -> tensor<?x!quant.uniform<i8:f32, 1.0>>
  func.return
}
// -----
// CHECK: error: {{.*}}the numerator of pwl.divide must be !quant.uniform or a ranked tensor of it, got vector<4x!quant.uniform<i8:f32, 1.000000e+00>>
func.func @vector(%a: vector<4x!quant.uniform<i8:f32, 1.0>>, %b: vector<4x!quant.uniform<u32:f32, 1.0>>) {
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9> : vector<4x!quant.uniform<i8:f32, 1.0>>, vector<4x!quant.uniform<u32:f32, 1.0>> -> vector<4x!quant.uniform<i8:f32, 1.0>>
  func.return
}
// -----
// CHECK: error: {{.*}}a certificate without a table: remove it, or add the table
func.func @claim(%a: !quant.uniform<i8:f32, 1.0>, %b: !quant.uniform<u32:f32, 1.0>) {
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9> {reciprocal_fit = #pwl.fit<optimal, form = seed, metric = mse, seed = 0, entries = 8, points = 129, mse = 1.7e-05, max_error = 7.0e-01, exact = 9.6e-01>} : !quant.uniform<i8:f32, 1.0>, !quant.uniform<u32:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
