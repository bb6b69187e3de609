// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.0625" | filecheck %s

// A subexpression that a model writes twice is one value: here exp(x − max x), and x − mean x.

// CHECK-LABEL: @softmax
// CHECK: pwl.softmax
// CHECK-NOT: torch.aten.exp
func.func @softmax(%x: !torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32> {
  %int-1 = torch.constant.int -1
  %int1 = torch.constant.int 1
  %true = torch.constant.bool true
  %none = torch.constant.none
  %axes = torch.prim.ListConstruct %int-1 : (!torch.int) -> !torch.list<int>
  %0 = torch.aten.amax %x, %axes, %true : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.bool -> !torch.vtensor<[2,1],f32>
  %1 = torch.aten.sub.Tensor %x, %0, %int1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,1],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
  %2 = torch.aten.exp %1 : !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  %3 = torch.aten.amax %x, %axes, %true : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.bool -> !torch.vtensor<[2,1],f32>
  %4 = torch.aten.sub.Tensor %x, %3, %int1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,1],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
  %5 = torch.aten.exp %4 : !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  %6 = torch.aten.sum.dim_IntList %5, %axes, %true, %none : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[2,1],f32>
  %7 = torch.aten.div.Tensor %2, %6 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,1],f32> -> !torch.vtensor<[2,4],f32>
  func.return %7 : !torch.vtensor<[2,4],f32>
}

// Of a random operator each use is another value.

// CHECK-LABEL: @random
// CHECK-NOT: pwl.softmax
// CHECK: pwl.divide
func.func @random(%x: !torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32> {
  %int-1 = torch.constant.int -1
  %int1 = torch.constant.int 1
  %p = torch.constant.float 0.5
  %true = torch.constant.bool true
  %none = torch.constant.none
  %axes = torch.prim.ListConstruct %int-1 : (!torch.int) -> !torch.list<int>
  %a = torch.aten.dropout %x, %p, %true : !torch.vtensor<[2,4],f32>, !torch.float, !torch.bool -> !torch.vtensor<[2,4],f32>
  %b = torch.aten.dropout %x, %p, %true : !torch.vtensor<[2,4],f32>, !torch.float, !torch.bool -> !torch.vtensor<[2,4],f32>
  %0 = torch.aten.amax %a, %axes, %true : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.bool -> !torch.vtensor<[2,1],f32>
  %1 = torch.aten.sub.Tensor %a, %0, %int1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,1],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
  %2 = torch.aten.exp %1 : !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  %3 = torch.aten.amax %b, %axes, %true : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.bool -> !torch.vtensor<[2,1],f32>
  %4 = torch.aten.sub.Tensor %b, %3, %int1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,1],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
  %5 = torch.aten.exp %4 : !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  %6 = torch.aten.sum.dim_IntList %5, %axes, %true, %none : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[2,1],f32>
  %7 = torch.aten.div.Tensor %2, %6 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,1],f32> -> !torch.vtensor<[2,4],f32>
  func.return %7 : !torch.vtensor<[2,4],f32>
}

// An exponent, or a base, that is a tensor of one number is a number.

// CHECK-LABEL: @powers
// CHECK: pwl.apply #pwl.fn<pow, 3.500000e+00>
// CHECK: pwl.apply #pwl.fn<sqrt>
// CHECK: pwl.apply #pwl.fn<exp2>
func.func @powers(%x: !torch.vtensor<[2,4],f32>) -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>) {
  %p = torch.vtensor.literal(dense<3.5> : tensor<1xf32>) : !torch.vtensor<[1],f32>
  %h = torch.vtensor.literal(dense<0.5> : tensor<f32>) : !torch.vtensor<[],f32>
  %t = torch.vtensor.literal(dense<2.0> : tensor<f32>) : !torch.vtensor<[],f32>
  %0 = torch.aten.pow.Tensor_Tensor %x, %p {pwl.range = [0.01, 4.0]} : !torch.vtensor<[2,4],f32>, !torch.vtensor<[1],f32> -> !torch.vtensor<[2,4],f32>
  %1 = torch.aten.pow.Tensor_Tensor %x, %h {pwl.range = [0.01, 4.0]} : !torch.vtensor<[2,4],f32>, !torch.vtensor<[],f32> -> !torch.vtensor<[2,4],f32>
  %2 = torch.aten.pow.Tensor_Tensor %t, %x {pwl.range = [-4.0, 4.0]} : !torch.vtensor<[],f32>, !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  func.return %0, %1, %2 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>
}
