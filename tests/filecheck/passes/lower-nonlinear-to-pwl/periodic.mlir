// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-bits=12" | filecheck %s
// RUN: lut-opt %s --lower-nonlinear-to-pwl="keep=sin,cos" | filecheck %s --check-prefix=KEPT

// Beyond one period the argument is folded into half a turn, of which the storage holds both ends.

// CHECK-LABEL: @wide
// CHECK:       torch.constant.float 0.15915494309189535
// CHECK-NEXT:  torch.aten.mul.Scalar %x
// CHECK:       torch.constant.float 2.500000e-01
// CHECK:       torch.aten.sub.Scalar
// CHECK:       torch.aten.round
// CHECK:       torch.aten.sub.Tensor
// CHECK:       torch.aten.abs
// CHECK:       quant.qcast %{{.*}} : tensor<8xf32> to tensor<8x!quant.uniform<u12<0:2048>:f32, 2.44140625E-4>>
// CHECK-NEXT:  pwl.apply #pwl.fn<cos_turns>
// CHECK-NOT:   torch.aten.sin
// KEPT-LABEL:  @wide
// KEPT:        torch.aten.sin
func.func @wide(%x: !torch.vtensor<[8],f32>) -> !torch.vtensor<[8],f32> {
  %0 = torch.aten.sin %x {pwl.range = [0.0, 2048.0]} : !torch.vtensor<[8],f32> -> !torch.vtensor<[8],f32>
  func.return %0 : !torch.vtensor<[8],f32>
}

// Within one period the function itself is the table.

// CHECK-LABEL: @narrow
// CHECK:       pwl.apply #pwl.fn<cos>
func.func @narrow(%x: !torch.vtensor<[8],f32>) -> !torch.vtensor<[8],f32> {
  %0 = torch.aten.cos %x {pwl.range = [-3.0, 3.0]} : !torch.vtensor<[8],f32> -> !torch.vtensor<[8],f32>
  func.return %0 : !torch.vtensor<[8],f32>
}
