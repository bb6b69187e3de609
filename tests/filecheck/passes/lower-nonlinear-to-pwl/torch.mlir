// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=0.0625" | filecheck %s

// CHECK-LABEL: @activations
func.func @activations(%x: !torch.vtensor<[2,?],f32>) {
  %none = torch.constant.str "none"
  %tanh = torch.constant.str "tanh"
  %one = torch.constant.int 1
  %half = torch.constant.float 5.000000e-01
  // CHECK: torch_c.to_builtin_tensor %{{.*}} : !torch.vtensor<[2,?],f32> -> tensor<2x?xf32>
  // CHECK-NEXT: quant.qcast
  // CHECK-NEXT: pwl.apply #pwl.fn<gelu> %{{.*}} : tensor<2x?x!quant.uniform<i8:f32, 6.250000e-02>> -> tensor<2x?x!quant.uniform<i8:f32, 6.250000e-02>>
  // CHECK-NEXT: quant.dcast
  // CHECK-NEXT: torch_c.from_builtin_tensor %{{.*}} : tensor<2x?xf32> -> !torch.vtensor<[2,?],f32>
  %0 = torch.aten.gelu %x, %none : !torch.vtensor<[2,?],f32>, !torch.str -> !torch.vtensor<[2,?],f32>
  // CHECK: #pwl.fn<gelu_tanh>
  %1 = torch.aten.gelu %x, %tanh : !torch.vtensor<[2,?],f32>, !torch.str -> !torch.vtensor<[2,?],f32>
  // CHECK: #pwl.fn<leaky_relu, 5.000000e-01>
  %2 = torch.aten.leaky_relu %x, %half : !torch.vtensor<[2,?],f32>, !torch.float -> !torch.vtensor<[2,?],f32>
  // CHECK: #pwl.fn<softplus, 1.000000e+00, 5.000000e-01>
  %3 = torch.aten.softplus %x, %one, %half : !torch.vtensor<[2,?],f32>, !torch.int, !torch.float -> !torch.vtensor<[2,?],f32>
  // CHECK: #pwl.fn<elu, 5.000000e-01, 1.000000e+00, 1.000000e+00>
  %4 = torch.aten.elu %x, %half, %one, %one : !torch.vtensor<[2,?],f32>, !torch.float, !torch.int, !torch.int -> !torch.vtensor<[2,?],f32>
  // CHECK: torch.aten.mul.Tensor %x, %x
  %three = torch.constant.int 3
  %5 = torch.aten.pow.Tensor_Scalar %x, %three : !torch.vtensor<[2,?],f32>, !torch.int -> !torch.vtensor<[2,?],f32>
  // A square is a square, however it is written.
  // CHECK: torch.aten.mul.Tensor %x, %x
  %two = torch.constant.int 2
  %6 = torch.aten.pow.Tensor_Scalar %x, %two : !torch.vtensor<[2,?],f32>, !torch.int -> !torch.vtensor<[2,?],f32>
  // PyTorch writes softsign out: x / (|x| + 1).
  // CHECK: #pwl.fn<softsign>
  %abs = torch.aten.abs %x : !torch.vtensor<[2,?],f32> -> !torch.vtensor<[2,?],f32>
  %sum = torch.aten.add.Scalar %abs, %one, %one : !torch.vtensor<[2,?],f32>, !torch.int, !torch.int -> !torch.vtensor<[2,?],f32>
  %7 = torch.aten.div.Tensor %x, %sum : !torch.vtensor<[2,?],f32>, !torch.vtensor<[2,?],f32> -> !torch.vtensor<[2,?],f32>
  // Other divisions are not of one operand.
  // CHECK: pwl.divide
  %8 = torch.aten.div.Tensor %sum, %x : !torch.vtensor<[2,?],f32>, !torch.vtensor<[2,?],f32> -> !torch.vtensor<[2,?],f32>
  func.return
}

// CHECK-LABEL: @kept_dtype
// CHECK: tensor<0x3x!quant.uniform<i8:f16, 6.250000e-02>>
func.func @kept_dtype(%x: !torch.vtensor<[0,3],f16>) -> !torch.vtensor<[0,3],f16> {
  %0 = torch.aten.mish %x : !torch.vtensor<[0,3],f16> -> !torch.vtensor<[0,3],f16>
  func.return %0 : !torch.vtensor<[0,3],f16>
}
