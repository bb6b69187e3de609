// RUN: not lut-opt %s --split-input-file --convert-pwl-to-arith="select=direct" 2>&1 | filecheck %s

// CHECK: invalid.mlir:5:3: error: [convert-pwl-to-arith] gelu has no table: run --pwl-search first
func.func @no_table(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<gelu> %x : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
// -----
// CHECK: invalid.mlir:11:3: error: [convert-pwl-to-arith] a direct table over i32 has 2^32 entries: use select=chain
func.func @wide(%x: !quant.uniform<i32:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [0], slopes = [0, 1], intercepts = [0, 0]> : !quant.uniform<i32:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
