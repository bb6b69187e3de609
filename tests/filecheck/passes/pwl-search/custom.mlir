// RUN: lut-opt %s --pwl-search --verify-pwl | filecheck %s

// A function that the user writes is approximated like any other.

// CHECK: pwl.apply @quick_gelu %x table #pwl.table<i8, breakpoints = [{{.*}}], slopes = [{{.*}}], intercepts = [{{.*}}], intercept_shift = {{[0-9]+}}, result_shift = 6> fit #pwl.fit<optimal
func.func @custom(%x: !quant.uniform<i8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 3.125000e-02> {
  %0 = pwl.apply @quick_gelu %x : !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 3.125000e-02>
  func.return %0 : !quant.uniform<i8:f32, 3.125000e-02>
}

func.func @quick_gelu(%x: f32) -> f32 {
  %k = arith.constant -1.702 : f32
  %one = arith.constant 1.0 : f32
  %a = arith.mulf %k, %x : f32
  %e = math.exp %a : f32
  %d = arith.addf %one, %e : f32
  %y = arith.divf %x, %d : f32
  func.return %y : f32
}
