// RUN: not lut-opt %s --split-input-file --lower-nonlinear-to-pwl 2>&1 | filecheck %s

// A text can say anything: operators that lack operands or a result are named.

// CHECK: operands.mlir:6:1: error: [lower-nonlinear-to-pwl] aten._log_softmax takes 3 operands and has a result, here it has 0 and 0: give every argument, defaults too
torch.aten._log_softmax

// -----

// CHECK: operands.mlir:{{.*}}: error: [lower-nonlinear-to-pwl] aten.div.Scalar takes 2 operands and has a result, here it has 1 and 0
func.func @f(%x: !torch.vtensor<[4],f32>) {
  "torch.aten.div.Scalar"(%x) : (!torch.vtensor<[4],f32>) -> ()
  return
}
