// RUN: lut-opt %s --lower-nonlinear-to-pwl="fuse=false" | filecheck %s

// Neighbours hand the stored integers on: the casts between them cancel.

// CHECK-LABEL: @neighbours
// CHECK:      pwl.apply #pwl.fn<hardswish> %{{.*}} : tensor<4x!quant.uniform<i8:f32, 6.250000e-02>> -> tensor<4x!quant.uniform<i8:f32, 6.250000e-02>>
// CHECK-NEXT: pwl.apply #pwl.fn<silu>
// CHECK-NEXT: quant.dcast
// CHECK-NEXT: torch_c.from_builtin_tensor
func.func @neighbours(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.aten.hardswish %x {pwl.range = [-8.0, 7.9375]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %1 = torch.aten.silu %0 {pwl.range = [-8.0, 7.9375]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %1 : !torch.vtensor<[4],f32>
}
