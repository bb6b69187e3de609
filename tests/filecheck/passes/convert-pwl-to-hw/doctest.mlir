// RUN: lut-opt %s --convert-pwl-to-hw | filecheck %s

!q = !quant.uniform<i8:f32, 6.250000e-02>

// The host code makes way for one module per table; the last op shares the first one's.
func.func @host(%x : tensor<4x!q>) -> (tensor<4x!q>, tensor<4x!q>) {
  %0 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : tensor<4x!q> -> tensor<4x!q>
  %1 = pwl.apply #pwl.fn<silu> %0 table #pwl.table<i8, breakpoints = [], slopes = [64], intercepts = [1], intercept_shift = 6, result_shift = 6> : tensor<4x!q> -> tensor<4x!q>
  %2 = pwl.apply #pwl.fn<gelu> %1 table #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : tensor<4x!q> -> tensor<4x!q>
  func.return %1, %2 : tensor<4x!q>, tensor<4x!q>
}

// CHECK-NOT:  func.func
// CHECK:      hw.module @pwl_gelu_i8_i8_s2m4_s2m4(in %x: i8, out y: i8) attributes {comment =
// CHECK-SAME:   pwl.unit = #pwl.table_unit<latency = 0, function = gelu, table = #pwl.table<i8, breakpoints = [-30, 7],
// CHECK:        [[LEFT:%.*]] = comb.icmp sgt %x,
// CHECK:        [[RIGHT:%.*]] = comb.icmp sgt %x,
// CHECK:        comb.xor [[LEFT]], [[RIGHT]] {sv.namehint = "one_1"} : i1
// CHECK:        [[FIRST:%.*]] = comb.mux [[LEFT]],
// CHECK:        comb.mux [[RIGHT]], {{.*}}, [[FIRST]] {sv.namehint = "bias"}
// CHECK-NOT:    comb.mul
// CHECK:        [[ACC:%.*]] = comb.add {{.*}} {sv.namehint = "acc"} : i14
// CHECK:        [[Y:%.*]] = comb.extract [[ACC]] from 6 :  (i14) -> i8
// CHECK:        hw.output [[Y]] : i8

// The one segment of the second table can leave the storage range: its result is clamped.
// CHECK:      hw.module @pwl_silu_i8_i8_s2m4_s2m4(in %x: i8, out y: i8)
// CHECK:        comb.icmp sgt
// CHECK-NOT:    comb.icmp
// CHECK:        hw.output
// CHECK-NOT:  hw.module
