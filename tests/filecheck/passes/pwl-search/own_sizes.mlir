// RUN: lut-opt %s --lower-nonlinear-to-pwl --pwl-search="entries=8 param-bits=10" --verify-pwl | filecheck %s
// RUN: not lut-opt %s --lower-nonlinear-to-pwl=keep=softmax --pwl-search="mse=1e-3" 2>&1 | filecheck %s --check-prefix BUDGET

// What an operator says of its own tables comes before the options, in a chain and in a unit too.
func.func @sizes(%x: tensor<4xf32>, %v: !torch.vtensor<[2,4],f32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, !torch.vtensor<[2,4],f32>) {
  // CHECK: pwl.apply #pwl.fn<tanh> {{.*}}entries = 4{{.*}}pwl.entries = 4{{.*}}pwl.param_bits = 6
  // BUDGET: own_sizes.mlir:8:3: error: [pwl-search] a budget (mse=, max-error=) finds the entries: leave entries= out
  %a = math.tanh %x {pwl.range = [-4.0, 4.0], pwl.entries = 4 : i64, pwl.param_bits = 6 : i64} : tensor<4xf32>
  // CHECK: pwl.apply #pwl.fn<tanh> {{.*}}entries = 8
  %b = math.tanh %x {pwl.range = [-4.0, 4.0]} : tensor<4xf32>
  // CHECK: pwl.apply {{.*}}entries = 3{{.*}}pwl.entries = 3
  %c = math.absf %x {pwl.range = [-4.0, 4.0], pwl.entries = 3 : i64} : tensor<4xf32>
  %d = math.exp %c : tensor<4xf32>
  // CHECK: pwl.softmax {{.*}}pwl.entries = 5{{.*}}entries = 5, points = 4096
  %dim = torch.constant.int -1
  %half = torch.constant.bool false
  %s = torch.aten._softmax %v, %dim, %half {pwl.range = [-8.0, 0.0], pwl.entries = 5 : i64} : !torch.vtensor<[2,4],f32>, !torch.int, !torch.bool -> !torch.vtensor<[2,4],f32>
  return %a, %b, %d, %s : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, !torch.vtensor<[2,4],f32>
}
