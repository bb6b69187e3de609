// RUN: lut-opt %s --lower-nonlinear-to-pwl | filecheck %s
// RUN: lut-opt %s --lower-nonlinear-to-pwl="keep=scaled_dot_product_attention,glu,group_norm,log_softmax,rms_norm,linalg_vector_norm,divide" | filecheck %s --check-prefix=KEPT

// Attention is opened; what it declares is the range of its softmax's distances.

// CHECK-LABEL: @attention
// CHECK:       torch.aten.mul.Scalar %q
// CHECK:       torch.aten.matmul
// CHECK:       torch.aten.masked_fill.Scalar
// CHECK:       torch.aten.add.Tensor %{{.*}}, %mask
// CHECK:       quant.qcast %{{.*}} : tensor<2x4x8x8xf32> to tensor<2x4x8x8x!quant.uniform<i16:f32, 0.001953125>>
// CHECK-NEXT:  pwl.softmax %{{.*}} {{{.*}}axis = 3 : i64
// CHECK:       torch.aten.matmul %{{.*}}, %v
// KEPT-LABEL:  @attention
// KEPT-NOT:    pwl.softmax
func.func @attention(%q: !torch.vtensor<[2,4,8,16],f32>, %k: !torch.vtensor<[2,4,8,16],f32>, %v: !torch.vtensor<[2,4,8,16],f32>, %mask: !torch.vtensor<[8,8],f32>) -> !torch.vtensor<[2,4,8,16],f32> {
  %zero = torch.constant.float 0.0
  %true = torch.constant.bool true
  %false = torch.constant.bool false
  %none = torch.constant.none
  %0 = torch.aten.scaled_dot_product_attention %q, %k, %v, %mask, %zero, %true, %none, %false {pwl.range = [-8.0, 0.0]} : !torch.vtensor<[2,4,8,16],f32>, !torch.vtensor<[2,4,8,16],f32>, !torch.vtensor<[2,4,8,16],f32>, !torch.vtensor<[8,8],f32>, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor<[2,4,8,16],f32>
  func.return %0 : !torch.vtensor<[2,4,8,16],f32>
}

// CHECK-LABEL: @glu
// CHECK:       pwl.apply #pwl.fn<sigmoid>
// CHECK:       torch.aten.mul.Tensor
// KEPT-LABEL:  @glu
// KEPT:        torch.aten.glu
func.func @glu(%x: !torch.vtensor<[?,8],f32>) -> !torch.vtensor<[?,4],f32> {
  %last = torch.constant.int -1
  %0 = torch.aten.glu %x, %last {pwl.range = [-4.0, 4.0]} : !torch.vtensor<[?,8],f32>, !torch.int -> !torch.vtensor<[?,4],f32>
  func.return %0 : !torch.vtensor<[?,4],f32>
}

// The batch may be of any size.

// CHECK-LABEL: @group_norm
// CHECK:       torch.aten.view
// CHECK:       pwl.layer_norm %{{.*}} {{{.*}}epsilon = 1.000000e-05 : f64, normalized = 1 : i64} : tensor<?x2x12x!{{.*}}>
// CHECK:       torch.aten.view
// CHECK:       torch.aten.mul.Tensor
// KEPT-LABEL:  @group_norm
// KEPT:        torch.aten.group_norm
func.func @group_norm(%x: !torch.vtensor<[?,8,3],f32>, %w: !torch.vtensor<[8],f32>) -> !torch.vtensor<[?,8,3],f32> {
  %two = torch.constant.int 2
  %eps = torch.constant.float 1.000000e-05
  %none = torch.constant.none
  %false = torch.constant.bool false
  %0 = torch.aten.group_norm %x, %two, %w, %none, %eps, %false {pwl.range = [-8.0, 8.0]} : !torch.vtensor<[?,8,3],f32>, !torch.int, !torch.vtensor<[8],f32>, !torch.none, !torch.float, !torch.bool -> !torch.vtensor<[?,8,3],f32>
  func.return %0 : !torch.vtensor<[?,8,3],f32>
}

// Scores in steps of 2^-7 reach 256 in sixteen bits; results reach the range and ln 8192.

// CHECK-LABEL: @log_softmax
// CHECK:       pwl.log_softmax %{{.*}} {pwl.range = [-1.600000e+01 : f64, 0.000000e+00 : f64], axis = 1 : i64, clip = -2047 : i64} : tensor<2x9x!quant.uniform<i16:f32, 7.812500e-03>> -> tensor<2x9x!quant.uniform<i16:f32, 9.765625E-4>>
// KEPT-LABEL:  @log_softmax
// KEPT:        torch.aten.log_softmax.int
func.func @log_softmax(%x: !torch.vtensor<[2,9],f32>) -> !torch.vtensor<[2,9],f32> {
  %last = torch.constant.int -1
  %none = torch.constant.none
  %0 = torch.aten.log_softmax.int %x, %last, %none {pwl.range = [-16.0, 0.0]} : !torch.vtensor<[2,9],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,9],f32>
  func.return %0 : !torch.vtensor<[2,9],f32>
}

// A vector of length 1 is an RMS norm, divided by √n; the channels become the row.

// CHECK-LABEL: @normalize
// CHECK:       torch.aten.permute
// CHECK:       pwl.rms_norm %{{.*}} {{{.*}}epsilon = 0.000000e+00 : f64, normalized = 1 : i64} : tensor<2x3x16x!quant.uniform<i16:f32, 4.8828125E-4>>
// CHECK:       torch.constant.float 2.500000e-01
// CHECK:       torch.aten.permute
// KEPT-LABEL:  @normalize
// KEPT:        torch.aten.linalg_vector_norm
func.func @normalize(%x: !torch.vtensor<[2,16,3],f32>) -> !torch.vtensor<[2,16,3],f32> {
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %tiny = torch.constant.float 1.000000e-12
  %true = torch.constant.bool true
  %none = torch.constant.none
  %axes = torch.prim.ListConstruct %one : (!torch.int) -> !torch.list<int>
  %n = torch.aten.linalg_vector_norm %x, %two, %axes, %true, %none {pwl.range = [-4.0, 4.0]} : !torch.vtensor<[2,16,3],f32>, !torch.int, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[2,1,3],f32>
  %m = torch.aten.clamp_min %n, %tiny : !torch.vtensor<[2,1,3],f32>, !torch.float -> !torch.vtensor<[2,1,3],f32>
  %0 = torch.aten.div.Tensor %x, %m : !torch.vtensor<[2,16,3],f32>, !torch.vtensor<[2,1,3],f32> -> !torch.vtensor<[2,16,3],f32>
  func.return %0 : !torch.vtensor<[2,16,3],f32>
}
