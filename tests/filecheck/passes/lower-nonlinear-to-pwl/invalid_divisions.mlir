// RUN: not lut-opt %s --split-input-file --lower-nonlinear-to-pwl 2>&1 | filecheck %s
// RUN: lut-opt %s --split-input-file --lower-nonlinear-to-pwl="keep=divide" | filecheck %s --check-prefix=KEPT

// CHECK: invalid_divisions.mlir:7:3: error: [lower-nonlinear-to-pwl] no scale for the numerator of a division: put quantize/dequantize ops around it, give the division pwl.range_numerator = [lo, hi], pass input-scale=, or leave it with keep=divide
// KEPT: arith.divf
func.func @numerator(%x: f32, %y: f32) -> f32 {
  %z = arith.divf %x, %y {pwl.range = [1.0, 2.0]} : f32
  func.return %z : f32
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] no scale for the denominator of a division: {{.*}}pwl.range = [lo, hi]
func.func @denominator(%x: f32, %y: f32) -> f32 {
  %z = arith.divf %x, %y {pwl.range_numerator = [1.0, 2.0]} : f32
  func.return %z : f32
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] torch.aten.div.Scalar by a constant that is 0: mend it, or use keep=divide
func.func @zero(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.constant.int 0
  %z = torch.aten.div.Scalar %x, %0 : !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[4],f32>
  func.return %z : !torch.vtensor<[4],f32>
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] vectors are not divided by tables: use keep=divide, or scalars
func.func @vector(%x: vector<4xf32>, %y: vector<4xf32>) -> vector<4xf32> {
  %z = arith.divf %x, %y {pwl.range = [1.0, 2.0], pwl.range_numerator = [1.0, 2.0]} : vector<4xf32>
  func.return %z : vector<4xf32>
}
