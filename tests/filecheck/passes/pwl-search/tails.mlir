// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-bits=16" --pwl-search="param-bits=10" -o %t.mlir
// RUN: lut-opt %t.mlir --verify-pwl | filecheck %s
// RUN: sed -e 's/slopes = \[0, /slopes = [1, /' %t.mlir > %t.broken.mlir
// RUN: not lut-opt %t.broken.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix BROKEN
// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-bits=16" --pwl-search="strategy=uniform" --verify-pwl | filecheck %s --check-prefix UNIFORM
// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-bits=16" --pwl-search="weights=calibrated" --verify-pwl | filecheck %s --check-prefix WEIGHTS
// RUN: lut-opt %s --lower-nonlinear-to-pwl --pwl-search="left-tail=zero" | filecheck %s --check-prefix NARROW
// RUN: not lut-opt %s --lower-nonlinear-to-pwl --pwl-search="left-tail=zero strategy=uniform" 2>&1 | filecheck %s --check-prefix ROOM
// RUN: not lut-opt %s --pwl-search="gap=2" 2>&1 | filecheck %s --check-prefix GAP

// Outer segments of wide inputs are the lines that a function runs into; only the rest counts.

// CHECK: #pwl.fn<gelu> {{.*}} slopes = [0, {{.*}}, 256], intercepts = [0, {{.*}}, 0], {{.*}}least_mse = {{.*}}, domain = [-3.{{[0-9]+}}, 3.{{[0-9]+}}], request = {param_bits = 10 : i64, left_tail = "zero", right_tail = "identity"}>{{.*}} -> tensor<8x!quant.uniform<i16:f32, {{.*}}>>
// CHECK: #pwl.fn<sin> {{.*}}request = {param_bits = 10 : i64}>
// BROKEN: error: [verify-pwl] the table of gelu does not keep to left
// UNIFORM: #pwl.fn<gelu> {{.*}} slopes = [0, {{.*}}, 64], intercepts = [0, {{.*}}, 0], {{.*}}#pwl.fit<uniform, {{.*}}request = {strategy = "uniform", left_tail = "zero", right_tail = "identity"}>
// WEIGHTS: #pwl.fn<gelu> {{.*}}request = {weights = "calibrated", left_tail = "zero", right_tail = "identity"}>
// NARROW: #pwl.fn<gelu> {{.*}} slopes = [0, {{.*}}request = {left_tail = "zero"}>
// ROOM: error: [pwl-search] strategy=uniform takes exact tails only beyond the inputs that count
// GAP: lut-opt: error: --pwl-search: gap must be at least 0 and below 1, got 2

func.func @gelu(%x: !torch.vtensor<[8],f32>) -> !torch.vtensor<[8],f32> {
  %none = torch.constant.str "none"
  %y = torch.aten.gelu %x, %none {pwl.range = [-16.0, 15.0], pwl.histogram = dense<[0, 7, 9, 1]> : tensor<4xi64>} : !torch.vtensor<[8],f32>, !torch.str -> !torch.vtensor<[8],f32>
  func.return %y : !torch.vtensor<[8],f32>
}

func.func @sin(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = math.sin %x {pwl.range = [-1.0, 1.0], pwl.histogram = dense<[3, 4, 2]> : tensor<3xi64>} : tensor<8xf32>
  func.return %y : tensor<8xf32>
}
