// RUN: lut-opt %s --convert-pwl-to-hw=unit=multi | filecheck %s
// RUN: lut-opt %s --convert-pwl-to-hw=unit=multi -t json | filecheck %s --check-prefix=JSON

!q = !quant.uniform<i8:f32, 6.250000e-02>

func.func @host(%x : !q) -> (!q, !q) {
  %0 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  %1 = pwl.apply #pwl.fn<silu> %x table #pwl.table<i8, breakpoints = [-31, 9], slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 5> : !q -> !q
  func.return %0, %1 : !q, !q
}

// Both tables share the comparators, whose bounds depend on select, and the rows.
// CHECK:      hw.module @pwl_multi_i8_i8_t2(in %select: i1, in %x: i8, out y: i8)
// CHECK-SAME:   pwl.unit = #pwl.select_unit<latency = 0, tables = [<function = gelu, table = #pwl.table
// CHECK-COUNT-2: comb.icmp sgt %x,
// CHECK-NOT:     comb.icmp sgt %x,
// CHECK:         comb.mux %select,
// CHECK:         hw.output

// JSON: "function": "gelu"
// JSON: "select": 0
// JSON: "function": "silu"
// JSON: "select": 1
