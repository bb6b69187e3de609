// RUN: lut-opt %s --lower-nonlinear-to-pwl="keep=atan2,erfinv,pow" | filecheck %s
// RUN: not lut-opt %s --split-input-file --lower-nonlinear-to-pwl 2>&1 | filecheck %s --check-prefix=ERROR

// An operator without a table is an error, unless the user asked for it …

// CHECK-LABEL: @atan2
// CHECK: torch.aten.atan2 {{.*}}pwl.kept
// ERROR: unsupported.mlir:10:3: error: [lower-nonlinear-to-pwl] no table for torch.aten.atan2: express it with functions that have one, or leave it in floating point with keep=atan2
func.func @atan2(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.aten.atan2 %x, %x : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %0 : !torch.vtensor<[4],f32>
}
// -----
// ERROR: error: [lower-nonlinear-to-pwl] no table for torch.aten.erfinv: express it
func.func @erfinv(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.aten.erfinv %x : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %0 : !torch.vtensor<[4],f32>
}
// -----
// ERROR: error: [lower-nonlinear-to-pwl] no table for torch.aten.pow.Tensor_Tensor: give it a constant exponent or base
func.func @pow(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.aten.pow.Tensor_Tensor %x, %x : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %0 : !torch.vtensor<[4],f32>
}
// -----
// ERROR: error: [lower-nonlinear-to-pwl] no table for math.atan2: express it with others
func.func @math(%x: f32) -> f32 {
  %0 = math.atan2 %x, %x : f32
  func.return %0 : f32
}
// -----
// … or it computes with integers or constants.
// CHECK-LABEL: @integers
// CHECK: torch.aten.floor_divide
// ERROR-NOT: no table for torch.aten.floor_divide
func.func @integers(%x: !torch.vtensor<[4],si64>) -> !torch.vtensor<[4],si64> {
  %0 = torch.aten.floor_divide %x, %x : !torch.vtensor<[4],si64>, !torch.vtensor<[4],si64> -> !torch.vtensor<[4],si64>
  func.return %0 : !torch.vtensor<[4],si64>
}
