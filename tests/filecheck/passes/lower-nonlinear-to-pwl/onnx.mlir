// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.0625" | filecheck %s
// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.0625 keep=onnx.Gelu,onnx.HardSigmoid,onnx.Softmax" | filecheck %s --check-prefix=KEPT

// Operators of ONNX that PyTorch has, too, with the same meaning of their attributes.

// CHECK-LABEL: @same
// CHECK: pwl.apply #pwl.fn<gelu>
// CHECK: pwl.apply #pwl.fn<gelu_tanh>
// CHECK: pwl.apply #pwl.fn<erf>
// CHECK: pwl.apply #pwl.fn<hardsigmoid>
// CHECK: pwl.apply #pwl.fn<elu
// CHECK: pwl.apply #pwl.fn<softplus
// CHECK: pwl.softmax {{.*}}axis = 1
// CHECK: pwl.layer_norm {{.*}}normalized = 1
// CHECK-NOT: onnx.
// KEPT-LABEL: @same
// KEPT: torch.operator "onnx.Gelu"{{.*}}pwl.kept
// KEPT: torch.operator "onnx.Gelu"{{.*}}pwl.kept
// KEPT: torch.operator "onnx.HardSigmoid"{{.*}}pwl.kept
// KEPT: torch.operator "onnx.Softmax"{{.*}}pwl.kept
func.func @same(%x: !torch.vtensor<[2,4],f32>, %g: !torch.vtensor<[4],f32>) -> !torch.vtensor<[2,4],f32> attributes {torch.onnx_meta.opset_version = 20 : si64} {
  %0 = torch.operator "onnx.Gelu"(%x) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
  %1 = torch.operator "onnx.Gelu"(%x) {torch.onnx.approximate = "tanh"} : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
  %2 = torch.operator "onnx.Erf"(%x) {pwl.range = [-2.0, 2.0]} : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
  %3 = torch.operator "onnx.HardSigmoid"(%x) {torch.onnx.alpha = 0.166666672 : f32} : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
  %4 = torch.operator "onnx.Elu"(%x) {torch.onnx.alpha = 0.5 : f32} : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
  %5 = torch.operator "onnx.Softplus"(%x) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
  %6 = torch.operator "onnx.Softmax"(%x) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
  %7 = torch.operator "onnx.LayerNormalization"(%x, %g) {torch.onnx.axis = -1 : si64} : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4],f32>) -> !torch.vtensor<[2,4],f32>
  func.return %7 : !torch.vtensor<[2,4],f32>
}
