// RUN: not lut-opt %s --lower-torch-to-lutnet --split-input-file 2>&1 | filecheck %s

// CHECK: invalid.mlir:6:3: error: [lower-torch-to-lutnet] no weightless block: {{.*}}expected
func.func @text(%x: !torch.vtensor<[4,1],f32>) -> !torch.vtensor<[4,1],f32> {
  %block = torch.constant.str "a block"
  %y = torch.operator "torch.lut_opt.weightless"(%x, %block) : (!torch.vtensor<[4,1],f32>, !torch.str) -> !torch.vtensor<[4,1],f32>
  return %y : !torch.vtensor<[4,1],f32>
}
// -----
// CHECK: invalid.mlir:12:3: error: [lower-torch-to-lutnet] lut_opt.weightless takes a tensor and its block as constant text
func.func @constant(%x: !torch.vtensor<[4,1],f32>, %block: !torch.str) -> !torch.vtensor<[4,1],f32> {
  %y = torch.operator "torch.lut_opt.weightless"(%x, %block) : (!torch.vtensor<[4,1],f32>, !torch.str) -> !torch.vtensor<[4,1],f32>
  return %y : !torch.vtensor<[4,1],f32>
}
