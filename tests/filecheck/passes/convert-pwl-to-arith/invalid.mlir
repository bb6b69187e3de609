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
// -----
// CHECK: error: [convert-pwl-to-arith] tensor<*xf32> has no rank to loop over: give it one
func.func @no_rank(%x: tensor<*xf32>) {
  %q = quant.qcast %x : tensor<*xf32> to tensor<*x!quant.uniform<i8:f32, 1.0>>
  func.return
}
// -----
// CHECK: error: [convert-pwl-to-arith] vector<[4]xi8> has lanes that only a machine counts: use a fixed vector
func.func @scalable(%x: vector<[4]xf32>) {
  %q = quant.qcast %x : vector<[4]xf32> to vector<[4]x!quant.uniform<i8:f32, 1.0>>
  func.return
}
// -----
// CHECK: error: [convert-pwl-to-arith] vector<5000xi8> has more than 4096 lanes to unroll: use a tensor
func.func @many_lanes(%x: vector<5000xf32>) {
  %q = quant.qcast %x : vector<5000xf32> to vector<5000x!quant.uniform<i8:f32, 1.0>>
  func.return
}
