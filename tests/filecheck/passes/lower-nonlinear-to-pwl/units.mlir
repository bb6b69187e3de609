// RUN: lut-opt %s --lower-nonlinear-to-pwl | filecheck %s
// RUN: lut-opt %s --lower-nonlinear-to-pwl="keep=softmax,layer_norm,rms_norm,square,rsqrt" | filecheck %s --check-prefix=KEPT
// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-bits=10 output-bits=16" | filecheck %s --check-prefix=WIDE

// Masked positions, at minus infinity, saturate below the clip. Differences reach 16 at most.

// CHECK-LABEL: @softmax
// CHECK:       quant.qcast %{{.*}} : tensor<2x?xf32> to tensor<2x?x!quant.uniform<i16:f32, 3.906250e-03>>
// CHECK-NEXT:  pwl.softmax %{{.*}} {pwl.range = [-6.400000e+01 : f64, 6.350000e+01 : f64], axis = 1 : i64, clip = -4095 : i64} : tensor<2x?x!quant.uniform<i16:f32, 3.906250e-03>> -> tensor<2x?x!quant.uniform<u16:f32, 3.0517578125E-5>>
// CHECK-NEXT:  quant.dcast
// CHECK:       pwl.softmax %{{.*}} {pwl.range = [-4.000000e+00 : f64, 0.000000e+00 : f64], axis = 0 : i64, clip = -4095 : i64} : tensor<2x?x!quant.uniform<i16:f32, 0.001953125>>
// KEPT-LABEL:  @softmax
// KEPT:        torch.aten.softmax.int
// KEPT:        torch.aten._softmax
// WIDE-LABEL:  @softmax
// WIDE:        pwl.softmax %{{.*}} {{{.*}}axis = 1 : i64, clip = -1023 : i64} : tensor<2x?x!quant.uniform<i16:f32, 1.562500e-02>> -> tensor<2x?x!quant.uniform<u16:f32, 3.0517578125E-5>>
func.func @softmax(%x: !torch.vtensor<[2,?],f32>, %mask: !torch.vtensor<[2,?],f32>) {
  %int1 = torch.constant.int 1
  %last = torch.constant.int -1
  %none = torch.constant.none
  %false = torch.constant.bool false
  %s = torch.aten.add.Tensor %x, %mask, %int1 : !torch.vtensor<[2,?],f32>, !torch.vtensor<[2,?],f32>, !torch.int -> !torch.vtensor<[2,?],f32>
  %0 = torch.aten.softmax.int %s, %last, %none {pwl.range = [-64.0, 63.5]} : !torch.vtensor<[2,?],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,?],f32>
  %first = torch.constant.int 0
  %1 = torch.aten._softmax %s, %first, %false {pwl.range = [-4.0, 0.0]} : !torch.vtensor<[2,?],f32>, !torch.int, !torch.bool -> !torch.vtensor<[2,?],f32>
  func.return
}

// Gamma that the module shows is stored in 16 bits; weights beside the module in 32.

// CHECK-LABEL: @norms
// CHECK:       %[[X:.*]] = quant.qcast %{{.*}} : tensor<2x4xf32> to tensor<2x4x!quant.uniform<i16:f32, 4.8828125E-4>>
// CHECK:       %[[G:.*]] = quant.qcast %{{.*}} : tensor<4xf32> to tensor<4x!quant.uniform<i16:f32, 6.103515625E-5>>
// CHECK:       %[[B:.*]] = quant.qcast %{{.*}} : tensor<4xf32> to tensor<4x!quant.uniform<i32:f32, 9.5367431640625E-7>>
// CHECK-NEXT:  pwl.layer_norm %[[X]] gamma %[[G]] : tensor<4x!{{.*}}> beta %[[B]] : tensor<4x!{{.*}}> {pwl.range = [-8.000000e+00 : f64, 7.937500e+00 : f64], epsilon = 1.000000e-05 : f64, normalized = 1 : i64} : tensor<2x4x!quant.uniform<i16:f32, 4.8828125E-4>> -> tensor<2x4x!quant.uniform<i16:f32, 1.220703125E-4>>
// CHECK:       pwl.layer_norm %{{[^ ]*}} {pwl.range = [-8.000000e+00 : f64, 7.937500e+00 : f64], epsilon = 1.000000e-06 : f64, normalized = 2 : i64}
// CHECK:       pwl.rms_norm %{{[^ ]*}} {pwl.range = [-8.000000e+00 : f64, 7.937500e+00 : f64], epsilon = 1.1920928955078125e-07 : f64, normalized = 1 : i64}
// KEPT-LABEL:  @norms
// KEPT:        torch.aten.layer_norm
// KEPT:        torch.aten.native_layer_norm
// KEPT:        torch.aten.rms_norm
func.func @norms(%x: !torch.vtensor<[2,4],f32>, %b: !torch.vtensor<[4],f32>) {
  %g = torch.vtensor.literal(dense<[0.5, -1.25, 1.0, 0.75]> : tensor<4xf32>) : !torch.vtensor<[4],f32>
  %two = torch.constant.int 2
  %four = torch.constant.int 4
  %row = torch.prim.ListConstruct %four : (!torch.int) -> !torch.list<int>
  %all = torch.prim.ListConstruct %two, %four : (!torch.int, !torch.int) -> !torch.list<int>
  %eps = torch.constant.float 1.000000e-05
  %eps6 = torch.constant.float 1.000000e-06
  %none = torch.constant.none
  %false = torch.constant.bool false
  %0 = torch.aten.layer_norm %x, %row, %g, %b, %eps, %false {pwl.range = [-8.0, 7.9375]} : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.float, !torch.bool -> !torch.vtensor<[2,4],f32>
  %1, %mean, %rstd = torch.aten.native_layer_norm %x, %all, %none, %none, %eps6 {pwl.range = [-8.0, 7.9375]} : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.none, !torch.none, !torch.float -> !torch.vtensor<[2,4],f32>, !torch.vtensor<[1,1],f32>, !torch.vtensor<[1,1],f32>
  %2 = torch.aten.rms_norm %x, %row, %none, %none {pwl.range = [-8.0, 7.9375]} : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.none, !torch.none -> !torch.vtensor<[2,4],f32>
  func.return
}

// An RMS norm written out, as model libraries do: the weight stays a multiplication.

// CHECK-LABEL: @written_out
// CHECK:       pwl.rms_norm %{{[^ ]*}} {pwl.range = [-8.000000e+00 : f64, 7.937500e+00 : f64], epsilon = 1.000000e-06 : f64, normalized = 1 : i64}
// CHECK-NOT:   pwl.apply
// CHECK-NOT:   torch.aten.rsqrt
// CHECK:       torch.aten.mul.Tensor
// KEPT-LABEL:  @written_out
// KEPT:        torch.aten.rsqrt
func.func @written_out(%x: !torch.vtensor<[2,4],f32>, %w: !torch.vtensor<[4],f32>) -> !torch.vtensor<[2,4],f32> {
  %two = torch.constant.int 2
  %last = torch.constant.int -1
  %one = torch.constant.int 1
  %true = torch.constant.bool true
  %none = torch.constant.none
  %eps = torch.constant.float 1.000000e-06
  %axes = torch.prim.ListConstruct %last : (!torch.int) -> !torch.list<int>
  %0 = torch.aten.pow.Tensor_Scalar %x, %two {pwl.range = [-8.0, 7.9375]} : !torch.vtensor<[2,4],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
  %1 = torch.aten.mean.dim %0, %axes, %true, %none : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[2,1],f32>
  %2 = torch.aten.add.Scalar %1, %eps, %one : !torch.vtensor<[2,1],f32>, !torch.float, !torch.int -> !torch.vtensor<[2,1],f32>
  %3 = torch.aten.rsqrt %2 {pwl.range = [0.0, 4.0]} : !torch.vtensor<[2,1],f32> -> !torch.vtensor<[2,1],f32>
  %4 = torch.aten.mul.Tensor %x, %3 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,1],f32> -> !torch.vtensor<[2,4],f32>
  %5 = torch.aten.mul.Tensor %w, %4 : !torch.vtensor<[4],f32>, !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  func.return %5 : !torch.vtensor<[2,4],f32>
}

// Quantized neighbours give both scales.

// CHECK-LABEL: @quantized
// CHECK:       pwl.softmax %x {axis = 1 : i64, clip = -64 : i64} : tensor<2x8x!quant.uniform<i8:f32, 2.500000e-01>> -> tensor<2x8x!quant.uniform<i8:f32, 7.812500e-03>>
func.func @quantized(%x: tensor<2x8x!quant.uniform<i8:f32, 2.5e-01>>) -> tensor<2x8x!quant.uniform<i8:f32, 7.8125e-03>> {
  %last = torch.constant.int -1
  %none = torch.constant.none
  %r = quant.dcast %x : tensor<2x8x!quant.uniform<i8:f32, 2.5e-01>> to tensor<2x8xf32>
  %t = torch_c.from_builtin_tensor %r : tensor<2x8xf32> -> !torch.vtensor<[2,8],f32>
  %0 = torch.aten.softmax.int %t, %last, %none : !torch.vtensor<[2,8],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,8],f32>
  %b = torch_c.to_builtin_tensor %0 : !torch.vtensor<[2,8],f32> -> tensor<2x8xf32>
  %q = quant.qcast %b : tensor<2x8xf32> to tensor<2x8x!quant.uniform<i8:f32, 7.8125e-03>>
  func.return %q : tensor<2x8x!quant.uniform<i8:f32, 7.8125e-03>>
}

// A given scale whose steps do not reach the distances that count is too fine: scores are stored anew.

// CHECK-LABEL: @too_fine
// CHECK:       quant.qcast %r : tensor<2x4xf32> to tensor<2x4x!quant.uniform<i16:f32, 3.906250e-03>>
// CHECK:       pwl.softmax %{{.*}} {axis = 1 : i64, clip = -4095 : i64}
// CHECK:       quant.qcast %r : tensor<2x4xf32> to tensor<2x4x!quant.uniform<i16:f32, 7.812500e-03>>
// CHECK:       pwl.log_softmax %{{.*}} {axis = 1 : i64, clip = -2047 : i64}
func.func @too_fine(%q: tensor<2x4x!quant.uniform<i16:f32, 3.0517578125E-4>>) -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>) {
  %last = torch.constant.int -1
  %none = torch.constant.none
  %r = quant.dcast %q : tensor<2x4x!quant.uniform<i16:f32, 3.0517578125E-4>> to tensor<2x4xf32>
  %t = torch_c.from_builtin_tensor %r : tensor<2x4xf32> -> !torch.vtensor<[2,4],f32>
  %0 = torch.aten.softmax.int %t, %last, %none : !torch.vtensor<[2,4],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %1 = torch.aten.log_softmax.int %t, %last, %none : !torch.vtensor<[2,4],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  func.return %0, %1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>
}

// Rows of a norm that differ by 10^4 in size are stored in 32 bits.

// CHECK-LABEL: @small_rows
// CHECK:       pwl.rms_norm %{{[^ ]*}} {{{.*}}} : tensor<2x4x!quant.uniform<i32:f32, 9.5367431640625E-7>>
func.func @small_rows(%x: !torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32> {
  %four = torch.constant.int 4
  %row = torch.prim.ListConstruct %four : (!torch.int) -> !torch.list<int>
  %eps = torch.constant.float 1.000000e-10
  %none = torch.constant.none
  %0 = torch.aten.rms_norm %x, %row, %none, %eps {pwl.range = [-1000.0, 1000.0], pwl.row_sizes = dense<[0.01, 100.0]> : tensor<2xf64>} : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.none, !torch.float -> !torch.vtensor<[2,4],f32>
  func.return %0 : !torch.vtensor<[2,4],f32>
}
