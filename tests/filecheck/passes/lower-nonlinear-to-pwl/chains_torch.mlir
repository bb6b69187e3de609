// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.0625" | filecheck %s
// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.0625 fuse=false" | filecheck %s --check-prefix=OPEN
// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.0625 keep=tanh,erf,hardswish" | filecheck %s --check-prefix=KEPT

// A chain of element-wise ops with one input is one table: of the registry's function that it spells …

// CHECK-LABEL: @mish
// CHECK:       quant.qcast
// CHECK-NEXT:  pwl.apply #pwl.fn<mish> %{{[^ ]*}} {pwl.fused = ["torch.aten.softplus at {{.*}}chains_torch.mlir:25", "torch.aten.tanh at {{.*}}", "torch.aten.mul.Tensor at {{.*}}"]}
// CHECK-NEXT:  quant.dcast
// CHECK-NEXT:  torch_c.from_builtin_tensor
// CHECK-NEXT:  func.return
// OPEN-LABEL:  @mish
// OPEN:        pwl.apply #pwl.fn<softplus, 1.000000e+00, 2.000000e+01>
// OPEN-NEXT:   pwl.apply #pwl.fn<tanh>
// OPEN:        torch.aten.mul.Tensor
// An operator that is kept ends the chain.
// KEPT-LABEL:  @mish
// KEPT:        pwl.apply #pwl.fn<softplus, 1.000000e+00, 2.000000e+01>
// KEPT:        torch.aten.tanh
// KEPT:        torch.aten.mul.Tensor
func.func @mish(%x: !torch.vtensor<[2,?],f32>) -> !torch.vtensor<[2,?],f32> {
  %one = torch.constant.int 1
  %twenty = torch.constant.int 20
  %0 = torch.aten.softplus %x, %one, %twenty : !torch.vtensor<[2,?],f32>, !torch.int, !torch.int -> !torch.vtensor<[2,?],f32>
  %1 = torch.aten.tanh %0 : !torch.vtensor<[2,?],f32> -> !torch.vtensor<[2,?],f32>
  %2 = torch.aten.mul.Tensor %x, %1 : !torch.vtensor<[2,?],f32>, !torch.vtensor<[2,?],f32> -> !torch.vtensor<[2,?],f32>
  func.return %2 : !torch.vtensor<[2,?],f32>
}

// Products and bounds alone do, too, if they spell something.

// CHECK-LABEL: @hardswish
// CHECK:       pwl.apply #pwl.fn<hardswish> %{{[^ ]*}} {pwl.fused = ["torch.aten.add.Scalar{{[^"]*}}", "torch.aten.clamp{{[^"]*}}", "torch.aten.mul.Tensor{{[^"]*}}", "torch.aten.div.Scalar{{[^"]*}}"]}
// KEPT-LABEL:  @hardswish
// KEPT-NOT:    pwl.apply
// KEPT:        func.func
func.func @hardswish(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %three = torch.constant.int 3
  %six = torch.constant.int 6
  %0 = torch.aten.add.Scalar %x, %three, %one : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %1 = torch.aten.clamp %0, %zero, %six : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %2 = torch.aten.mul.Tensor %x, %1 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %3 = torch.aten.div.Scalar %2, %six : !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[4],f32>
  func.return %3 : !torch.vtensor<[4],f32>
}

// Bounds may come as tensors of one number.

// CHECK-LABEL: @relu6
// CHECK:       pwl.apply #pwl.fn<hardswish>
func.func @relu6(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %zero = torch.vtensor.literal(dense<0.0> : tensor<f32>) : !torch.vtensor<[],f32>
  %six = torch.vtensor.literal(dense<6.0> : tensor<f32>) : !torch.vtensor<[],f32>
  %one = torch.constant.int 1
  %three = torch.constant.int 3
  %sixth = torch.constant.float 0.16666666666666666
  %0 = torch.aten.add.Scalar %x, %three, %one : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %1 = torch.aten.maximum %0, %zero : !torch.vtensor<[4],f32>, !torch.vtensor<[],f32> -> !torch.vtensor<[4],f32>
  %2 = torch.aten.minimum %six, %1 : !torch.vtensor<[],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %3 = torch.aten.mul.Scalar %2, %sixth : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  %4 = torch.aten.mul.Tensor %3, %x : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %4 : !torch.vtensor<[4],f32>
}

// CHECK-LABEL: @gelu
// CHECK:       pwl.apply #pwl.fn<gelu> %{{[^ ]*}} {pwl.fused = ["torch.aten.mul.Scalar{{[^"]*}}", "torch.aten.div.Scalar{{[^"]*}}", "torch.aten.erf{{[^"]*}}", "torch.aten.add.Scalar{{[^"]*}}", "torch.aten.mul.Tensor{{[^"]*}}"]}
// KEPT-LABEL:  @gelu
// KEPT-NOT:    pwl.apply
// KEPT:        func.func
func.func @gelu(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %half = torch.constant.float 0.5
  %root = torch.constant.float 1.4142135623730951
  %one = torch.constant.int 1
  %0 = torch.aten.mul.Scalar %x, %half : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  %1 = torch.aten.div.Scalar %x, %root : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  %2 = torch.aten.erf %1 : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %3 = torch.aten.add.Scalar %2, %one, %one : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %4 = torch.aten.mul.Tensor %0, %3 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %4 : !torch.vtensor<[4],f32>
}

// CHECK-LABEL: @gelu_tanh
// CHECK:       pwl.apply #pwl.fn<gelu_tanh>
// CHECK-NEXT:  quant.dcast
func.func @gelu_tanh(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %half = torch.constant.float 0.5
  %a = torch.constant.float 0.044715
  %b = torch.constant.float 0.79788456080286541
  %one = torch.constant.int 1
  %three = torch.constant.int 3
  %0 = torch.aten.mul.Scalar %x, %half : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  %1 = torch.aten.pow.Tensor_Scalar %x, %three : !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[4],f32>
  %2 = torch.aten.mul.Scalar %1, %a : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  %3 = torch.aten.add.Tensor %x, %2, %one : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[4],f32>
  %4 = torch.aten.mul.Scalar %3, %b : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  %5 = torch.aten.tanh %4 : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %6 = torch.aten.add.Scalar %5, %one, %one : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %7 = torch.aten.mul.Tensor %0, %6 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %7 : !torch.vtensor<[4],f32>
}

// CHECK-LABEL: @sigmoids
// CHECK:       pwl.apply #pwl.fn<quick_gelu>
// CHECK:       pwl.apply #pwl.fn<silu>
// CHECK:       pwl.apply #pwl.fn<softsign>
// CHECK:       pwl.apply #pwl.fn<leaky_relu, 1.000000e-01>
func.func @sigmoids(%x: !torch.vtensor<[4],f32>) {
  %k = torch.constant.float 1.702
  %one = torch.constant.int 1
  %zero = torch.constant.int 0
  %tenth = torch.vtensor.literal(dense<0.1> : tensor<1xf32>) : !torch.vtensor<[1],f32>
  %0 = torch.aten.mul.Scalar %x, %k : !torch.vtensor<[4],f32>, !torch.float -> !torch.vtensor<[4],f32>
  %1 = torch.aten.sigmoid %0 : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %2 = torch.aten.mul.Tensor %x, %1 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %3 = torch.aten.sigmoid %x : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %4 = torch.aten.mul.Tensor %3, %x : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %5 = torch.aten.abs %x : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %6 = torch.aten.add.Scalar %5, %one, %one : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %7 = torch.aten.div.Tensor %x, %6 : !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %8 = torch.aten.gt.Scalar %x, %zero : !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[4],i1>
  %9 = torch.aten.mul.Tensor %tenth, %x : !torch.vtensor<[1],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %10 = torch.aten.where.self %8, %x, %9 : !torch.vtensor<[4],i1>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return
}

// … or of a function of its own, which equal chains share. The constant is computed inside.

// CHECK-LABEL: @own
// CHECK:       pwl.apply @fused_softplus_sqrt
// CHECK:       pwl.apply @fused_softplus_sqrt %
// CHECK:       pwl.apply @fused_softplus_sqrt_1
func.func @own(%x: !torch.vtensor<[4],f32>, %z: !torch.vtensor<[4],f32>) {
  %one = torch.constant.int 1
  %ten = torch.constant.int 10
  %c = torch.vtensor.literal(dense<-0.5> : tensor<f32>) : !torch.vtensor<[],f32>
  %e = torch.aten.exp %c : !torch.vtensor<[],f32> -> !torch.vtensor<[],f32>
  %0 = torch.aten.softplus %x, %one, %ten : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %1 = torch.aten.sqrt %0 {pwl.range = [0.0, 3.984375]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %2 = torch.aten.softplus %z, %one, %ten : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %3 = torch.aten.sqrt %2 {pwl.range = [0.0, 3.984375]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %4 = torch.aten.softplus %z, %one, %ten : !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  %5 = torch.aten.sqrt %4 {pwl.range = [0.0, 3.984375]} : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %6 = torch.aten.mul.Tensor %5, %e : !torch.vtensor<[4],f32>, !torch.vtensor<[],f32> -> !torch.vtensor<[4],f32>
  func.return
}

// CHECK:       func.func private @fused_softplus_sqrt(%{{.*}}: f32) -> f32 {
// CHECK:         math.log1p
// CHECK:         math.sqrt
// CHECK-NEXT:    func.return
// CHECK:       func.func private @fused_softplus_sqrt_1
