// RUN: lut-opt %s --convert-pwl-to-hw="pipeline=1 row=16" | filecheck %s
// RUN: lut-opt %s --convert-pwl-to-hw="unit=multi pipeline=1 row=16" | filecheck %s
// RUN: lut-opt %s --convert-pwl-to-hw="pipeline=1 row=16" | lut-opt -t systemverilog | filecheck %s --check-prefix=VERILOG
// RUN: lut-opt %s --convert-pwl-to-hw="pipeline=1 row=16 lanes=4" | filecheck %s --check-prefix=LANES

!x = !quant.uniform<i16:f32, 6.250000e-02>
!y = !quant.uniform<u8:f32, 3.906250e-03>
!g = !quant.uniform<i16:f32, 1.220703125e-04>

// Both rows have 16 elements, one by its type and one by the option: one unit serves both.
func.func @host(%a: tensor<2x16x!x>, %b: tensor<2x?x!x>, %g: tensor<16x!g>) {
  %0 = pwl.softmax %a {axis = 1 : i64, clip = -255 : i64, exp_fraction = 12 : i64, exp = #pwl.table<i16, breakpoints = [-64, -16], slopes = [0, 16, 200], intercepts = [0, 1152, 4096], intercept_shift = 0, result_shift = 0>, reciprocal = #pwl.table<i16, breakpoints = [], slopes = [-32], intercepts = [12288], intercept_shift = 3, result_shift = 0>} : tensor<2x16x!x> -> tensor<2x16x!y>
  %1 = pwl.softmax %b {axis = 1 : i64, clip = -255 : i64, exp_fraction = 12 : i64, exp = #pwl.table<i16, breakpoints = [-64, -16], slopes = [0, 16, 200], intercepts = [0, 1152, 4096], intercept_shift = 0, result_shift = 0>, reciprocal = #pwl.table<i16, breakpoints = [], slopes = [-32], intercepts = [12288], intercept_shift = 3, result_shift = 0>} : tensor<2x?x!x> -> tensor<2x?x!y>
  %2 = pwl.layer_norm %a gamma %g : tensor<16x!g> {epsilon = 1.0e-05, normalized = 1 : i64, rsqrt = #pwl.table<i16, breakpoints = [900], slopes = [-38, -16], intercepts = [5300, 4000], intercept_shift = 4, result_shift = 0>} : tensor<2x16x!x> -> tensor<2x16x!quant.uniform<i8:f32, 6.250000e-02>>
  func.return
}

// CHECK-NOT:  func.func
// CHECK:      hw.module @pwl_softmax16_i16_u8_s2m4_s2m8(in %clock: !seq.clock, in %reset: i1, in %x_valid: i1, in %x: i16, in %x_last: i1, out x_ready: i1, out y_valid: i1, out y: i8, out y_last: i1, in %y_ready: i1) attributes {comment =
// CHECK-SAME:   pwl.unit = #pwl.row_unit<latency = 43, semantics = <function = softmax, {{.*}}>, length = 16, steps = 1, lanes = 1
// CHECK:        "seq.hlmem"({{.*}}) <{name = "scores"}> : (!seq.clock, i1) -> !seq.hlmem<32xi17>
// CHECK:        "seq.hlmem"({{.*}}) <{name = "exps"}> : (!seq.clock, i1) -> !seq.hlmem<32xi14>
// CHECK-NOT:  pwl_softmax
// CHECK:      hw.module @pwl_layer_norm16_i16_i8_s2m4_s2m4(in %clock: !seq.clock, in %reset: i1, in %write: i1, in %index: i4, in %gamma: i16, in %x_valid: i1, in %x: i16, out x_ready: i1,

// With four lanes a row has four beats: ports, memories and the index of gamma are of beats.
// LANES:      hw.module @pwl_softmax16x4_i16_u8_s2m4_s2m8(in %clock: !seq.clock, in %reset: i1, in %x_valid: i1, in %x: i64, in %x_last: i1, in %x_keep: i4, out x_ready: i1, out y_valid: i1, out y: i32, out y_last: i1, out y_keep: i4, in %y_ready: i1) attributes {comment =
// LANES-SAME:   pwl.unit = #pwl.row_unit<latency = 19, {{.*}} lanes = 4
// LANES:        "seq.hlmem"({{.*}}) <{name = "scores"}> : (!seq.clock, i1) -> !seq.hlmem<20xi69>
// LANES:        "seq.hlmem"({{.*}}) <{name = "exps"}> : (!seq.clock, i1) -> !seq.hlmem<20xi57>
// LANES:      hw.module @pwl_layer_norm16x4_i16_i8_s2m4_s2m4(in %clock: !seq.clock, in %reset: i1, in %write: i1, in %index: i2, in %gamma: i64, in %x_valid: i1, in %x: i64, out x_ready: i1, out y_valid: i1, out y: i32, out y_last: i1, in %y_ready: i1)
// LANES:        "seq.hlmem"({{.*}}) <{name = "gammas"}> : (!seq.clock, i1) -> !seq.hlmem<4xi64>

// VERILOG: // pwl_softmax16_i16_u8_s2m4_s2m8: softmax, row by row, in integers
// VERILOG: //   rows:      1 to 16 elements, ended by x_last
// VERILOG: //   latency:   43 cycles
// VERILOG: //   rate:      one element a cycle
// VERILOG: reg {{.*}}scores[0:31];
