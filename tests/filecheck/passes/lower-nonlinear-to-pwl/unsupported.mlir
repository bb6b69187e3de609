// RUN: lut-opt %s --allow-unregistered-dialect --lower-nonlinear-to-pwl="keep=atan2,erfinv,pow,onnx.Det,my.gelu,tm_tensor.attention" 2>%t | filecheck %s
// RUN: filecheck %s --input-file %t --check-prefix=REMARK
// RUN: not lut-opt %s --allow-unregistered-dialect --split-input-file --lower-nonlinear-to-pwl 2>&1 | filecheck %s --check-prefix=ERROR
// RUN: not lut-opt %s --allow-unregistered-dialect --lower-nonlinear-to-pwl="keep=atan2,tahn" 2>&1 | filecheck %s --check-prefix=KEEP
// RUN: not lut-opt %s --allow-unregistered-dialect --lower-nonlinear-to-pwl="keep=everything" 2>&1 | filecheck %s --check-prefix=ANYTHING

// KEEP: unsupported.mlir: error: [lower-nonlinear-to-pwl] nothing is called keep=tahn: did you mean tan or tanh?
// ANYTHING: error: [lower-nonlinear-to-pwl] nothing is called keep=everything: --help says what it takes

// An operator without a table is an error, unless the user asked for it …

// CHECK-LABEL: @atan2
// CHECK: torch.aten.atan2 {{.*}}pwl.kept
// ERROR: unsupported.mlir:16:3: error: [lower-nonlinear-to-pwl] no table for torch.aten.atan2: express it with functions that have one, or leave it in floating point with keep=atan2
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
// -----
// So is one that nothing knows, in whatever dialect …
// CHECK-LABEL: @onnx
// CHECK: torch.operator "onnx.Det"{{.*}}pwl.kept
// ERROR: error: [lower-nonlinear-to-pwl] no table for torch.onnx.Det: run torch-mlir's pass convert-torch-onnx-to-torch first, or leave it in floating point with keep=onnx.Det
func.func @onnx(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.operator "onnx.Det"(%x) : (!torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32>
  func.return %0 : !torch.vtensor<[4],f32>
}
// -----
// ERROR: error: [lower-nonlinear-to-pwl] no table for my.gelu: express it with others, or leave it in floating point with keep=my.gelu
func.func @mine(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "my.gelu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
// -----
// … with memories, too.
// ERROR: error: [lower-nonlinear-to-pwl] no table for tm_tensor.attention: express it with others
func.func @memories(%x: memref<4xf32>, %y: memref<4xf32>) {
  "tm_tensor.attention"(%x, %y) : (memref<4xf32>, memref<4xf32>) -> ()
  func.return
}
// -----
// What moves, adds, compares and rounds passes; a range that it declares is of no use.
// CHECK-LABEL: @linear
// ERROR-NOT: no table for
// REMARK: unsupported.mlir:{{[0-9]+}}:3: remark: [lower-nonlinear-to-pwl] pwl.range of torch.aten.relu is not used: it gets no table
// REMARK-NOT: remark
func.func @linear(%x: !torch.vtensor<[4],f32>, %y: tensor<4xf32>) -> (!torch.vtensor<[4],f32>, tensor<4xf32>) {
  %0 = torch.aten.relu %x {pwl.range = [-4.0, 4.0]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %1 = "stablehlo.add"(%y, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = "tosa.floor"(%1) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0, %2 : !torch.vtensor<[4],f32>, tensor<4xf32>
}
