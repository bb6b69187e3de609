// RUN: lut-opt %s --pwl-search="symmetry=relu entries=4" --verify-pwl 2>&1 | filecheck %s
// RUN: lut-opt %s --pwl-search="symmetry=relu entries=4" --convert-pwl-to-hw=implementation=folded 2>&1 | filecheck %s --check-prefix HW

// f(x) − f(−x) = x: slopes of a segment and of its image add up to that of x, 64, and intercepts are the same.
// CHECK: pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-15, 0, 16], slopes = [-4, 20, 44, 68], intercepts = [-102, -8, -8, -102], intercept_shift = 2, result_shift = 6>
// CHECK-SAME: request = {entries = 4 : i64, symmetry = "relu"}
// HW: pwl.implementation = "folded"
func.func @gelu(%x: !quant.uniform<i8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 3.125000e-02> {
  %0 = pwl.apply #pwl.fn<gelu> %x : !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 3.125000e-02>
  func.return %0 : !quant.uniform<i8:f32, 3.125000e-02>
}
