// RUN: lut-opt %s --lower-nonlinear-to-pwl | filecheck %s
// RUN: lut-opt %s --lower-nonlinear-to-pwl="keep=fused_exp" | filecheck %s --check-prefix=KEEP

// An exponential that grows over many octaves gets a range reduction: then the sums and factors around it stay outside.

// CHECK-LABEL: @factor_outside
// CHECK:       torch.aten.mul.Scalar
// CHECK:       pwl.apply #pwl.fn<exp> {{.*}} reduce #pwl.octaves
// CHECK:       torch.aten.add.Scalar
func.func @factor_outside(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %a = torch.constant.float 1.5
  %one = torch.constant.int 1
  %0 = torch.aten.mul.Scalar %x, %a : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  %1 = torch.aten.exp %0 {pwl.range = [-6.0, 6.0]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %2 = torch.aten.add.Scalar %1, %one, %one : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  func.return %2 : !torch.vtensor<[4],f32>
}

// So does a product with it; a quotient that keeps it bounded is one table as before.

// CHECK-LABEL: @product_outside
// CHECK:       pwl.apply #pwl.fn<exp> {{.*}} reduce #pwl.octaves
// CHECK:       torch.aten.mul.Tensor
// CHECK:       pwl.apply #pwl.fn<sigmoid>
func.func @product_outside(%x: !torch.vtensor<[4],f32>) -> (!torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>) {
  %one = torch.constant.int 1
  %0 = torch.aten.exp %x {pwl.range = [-6.0, 6.0]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %1 = torch.aten.mul.Tensor %0, %x : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %2 = torch.aten.neg %x : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %3 = torch.aten.exp %2 {pwl.range = [-6.0, 6.0]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %4 = torch.aten.add.Scalar %3, %one, %one : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %5 = torch.aten.reciprocal %4 : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %1, %5 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>
}

// A square among sums and factors is a product, too.

// CHECK-LABEL: @square_among_factors
// CHECK-NOT:   pwl.apply
// CHECK:       torch.aten.mul.Tensor
// CHECK-NEXT:  torch.aten.mul.Scalar
func.func @square_among_factors(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %half = torch.constant.float 0.5
  %0 = torch.aten.square %x {pwl.range = [-9.0, 7.0]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %1 = torch.aten.mul.Scalar %0, %half : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  func.return %1 : !torch.vtensor<[4],f32>
}

// What is kept leaves no function behind.

// CHECK-LABEL: @kept
// CHECK:       pwl.apply @fused_exp
// KEEP-LABEL:  @kept
// KEEP:        torch.aten.exp
// KEEP-NOT:    @fused_exp
func.func @kept(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %a = torch.constant.float 3.0
  %0 = torch.aten.mul.Scalar %x, %a : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  %1 = torch.aten.exp %0 {pwl.range = [-4.0, 0.0]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %1 : !torch.vtensor<[4],f32>
}
