// RUN: lut-opt %s --pwl-search="entries=3" | filecheck %s

// A table that was trained stays; its neighbour is searched.

!q = !quant.uniform<i8:f32, 6.250000e-02>

// CHECK: pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [0], slopes = [0, 64], intercepts = [0, 0], intercept_shift = 4, result_shift = 6> {pwl.trained} :
// CHECK: pwl.apply #pwl.fn<silu> %x table {{.*}} fit
func.func @main(%x: !q) -> (!q, !q) {
  %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [0], slopes = [0, 64], intercepts = [0, 0], intercept_shift = 4, result_shift = 6> {pwl.trained} : !q -> !q
  %z = pwl.apply #pwl.fn<silu> %x : !q -> !q
  func.return %y, %z : !q, !q
}
