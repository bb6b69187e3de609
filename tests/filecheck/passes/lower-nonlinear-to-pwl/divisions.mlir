// RUN: lut-opt %s --lower-nonlinear-to-pwl | filecheck %s
// RUN: lut-opt %s --lower-nonlinear-to-pwl="keep=divide" | filecheck %s --check-prefix=KEPT

!x = !torch.vtensor<[2,3,4],f32>
!b = !torch.vtensor<[3,1],f32>

// The denominator's range is pwl.range; its least value keeps eight bits, here in 32.

// CHECK-LABEL: @tensors
// CHECK:      quant.qcast %{{.*}} : tensor<2x3x4xf32> to tensor<2x3x4x!quant.uniform<i16:f32, 2.44140625E-4>>
// CHECK:      quant.qcast %{{.*}} : tensor<3x1xf32> to tensor<3x1x!quant.uniform<u32:f32, 1.4901161193847656E-8>>
// CHECK-NEXT: pwl.divide %{{.*}}, %{{.*}} reduce #pwl.leading_zero<table_bits = 9> {pwl.range = [1.000000e-03 : f64, 4.000000e+01 : f64], pwl.range_numerator = [-3.000000e+00 : f64, 5.000000e+00 : f64]} : {{.*}} -> tensor<2x3x4x!quant.uniform<i32:f32, 3.814697265625E-6>>
// CHECK-NEXT: quant.dcast
// CHECK-NEXT: torch_c.from_builtin_tensor %{{.*}} : tensor<2x3x4xf32> -> !torch.vtensor<[2,3,4],f32>
// KEPT-LABEL: @tensors
// KEPT:       torch.aten.div.Tensor %{{.*}} {{{.*}}pwl.kept
func.func @tensors(%a: !x, %b: !b) -> !x {
  %0 = torch.aten.div.Tensor %a, %b {pwl.range = [1.0e-3, 40.0], pwl.range_numerator = [-3.0, 5.0]} : !x, !b -> !x
  func.return %0 : !x
}

// Casts around an operand win over declared ranges, those around the result over what follows.

// CHECK-LABEL: @quantized
// CHECK: pwl.divide %{{.*}}, %{{.*}} reduce #pwl.leading_zero<table_bits = 9> {{{.*}}} : tensor<4x!quant.uniform<i8:f32, 1.000000e-01>>, tensor<4x!quant.uniform<i16:f32, 2.000000e-01:3>> -> tensor<4x!quant.uniform<i8:f32, 3.000000e-01:-1>>
func.func @quantized(%a: tensor<4x!quant.uniform<i8:f32, 0.1>>, %b: tensor<4x!quant.uniform<i16:f32, 0.2:3>>) -> tensor<4x!quant.uniform<i8:f32, 0.3:-1>> {
  %x = quant.dcast %a : tensor<4x!quant.uniform<i8:f32, 0.1>> to tensor<4xf32>
  %y = quant.dcast %b : tensor<4x!quant.uniform<i16:f32, 0.2:3>> to tensor<4xf32>
  %z = arith.divf %x, %y {pwl.range = [1.0, 2.0], pwl.range_numerator = [1.0, 2.0]} : tensor<4xf32>
  %c = quant.qcast %z : tensor<4xf32> to tensor<4x!quant.uniform<i8:f32, 0.3:-1>>
  func.return %c : tensor<4x!quant.uniform<i8:f32, 0.3:-1>>
}

// What is constant divides linearly: it multiplies, if the module shows it. Integers are not ours.

// CHECK-LABEL: @constants
// CHECK: torch.aten.mul.Scalar %a, %{{.*}} : !torch.vtensor<[2,3,4],f32>, !torch.float
// CHECK: torch.vtensor.literal(dense<[2.500000e-01, 2.000000e+00, 1.000000e+00, 5.000000e-01]> : tensor<4xf32>)
// CHECK: torch.aten.mul.Tensor
// CHECK: torch.aten.div.Tensor %{{.*}}, %{{.*}} : !torch.vtensor<[4],si64>
// CHECK: torch.aten.div.Tensor %a, %{{.*}} : !torch.vtensor<[2,3,4],f32>, !torch.vtensor<[4],f32>
// CHECK: arith.constant 2.500000e-01 : f32
// CHECK: arith.mulf %{{.*}}, %{{.*}} fastmath<fast> : f32
// KEPT-LABEL: @constants
// KEPT:       torch.aten.div.Scalar
// KEPT:       torch.aten.div.Tensor
// KEPT:       arith.divf
func.func @constants(%a: !x, %i: !torch.vtensor<[4],si64>, %s: f32) {
  %two = torch.constant.int 2
  %c = torch.vtensor.literal(dense<[4.0, 0.5, 1.0, 2.0]> : tensor<4xf32>) : !torch.vtensor<[4],f32>
  %0 = torch.aten.div.Scalar %a, %two : !x, !torch.int -> !x
  %1 = torch.aten.div.Tensor %a, %c : !x, !torch.vtensor<[4],f32> -> !x
  %2 = torch.aten.div.Tensor %i, %i : !torch.vtensor<[4],si64>, !torch.vtensor<[4],si64> -> !torch.vtensor<[4],f32>
  %hidden = torch.vtensor.literal(dense_resource<weight> : tensor<4xf32>) : !torch.vtensor<[4],f32>
  %4 = torch.aten.div.Tensor %a, %hidden : !x, !torch.vtensor<[4],f32> -> !x
  %four = arith.constant 4.0 : f32
  %3 = arith.divf %s, %four fastmath<fast> : f32
  func.return
}

// 1/x is the reciprocal, a table of its own where the range is narrow.

// CHECK-LABEL: @reciprocals
// CHECK: pwl.apply #pwl.fn<reciprocal> %{{.*}} {{{.*}}} : !quant.uniform<u8<64:254>:f32, 1.562500e-02>
// CHECK: pwl.apply #pwl.fn<reciprocal> %{{.*}} reduce #pwl.leading_zero<table_bits = 9> {{.*}} : !quant.uniform<u16:f32, 9.765625E-4> -> !quant.uniform<i16:f32, 6.103515625E-5>
// CHECK: pwl.apply #pwl.fn<reciprocal> %{{.*}} reduce #pwl.leading_zero<table_bits = 9> {{.*}} : !quant.uniform<i32:f32, 3.7252902984619141E-9>
// CHECK: pwl.divide %{{.*}}, %{{.*}} reduce #pwl.leading_zero<table_bits = 9> {pwl.range = [-2.000000e+00 : f64, -1.000000e+00 : f64], pwl.range_numerator = [3.000000e+00 : f64, 3.000000e+00 : f64]} : !quant.uniform<i16:f32, 1.220703125E-4>, !quant.uniform<i16:f32, 1.220703125E-4>
func.func @reciprocals(%x: f32) -> (f32, f32, f32, f32) {
  %one = arith.constant 1.0 : f32
  %three = arith.constant 3.0 : f32
  %0 = arith.divf %one, %x {pwl.range = [1.0, 4.0]} : f32
  %1 = arith.divf %one, %x {pwl.range = [1.0, 40.0]} : f32
  %2 = arith.divf %one, %x {pwl.range = [-4.0, 1.0]} : f32
  %3 = arith.divf %three, %x {pwl.range = [-2.0, -1.0]} : f32
  func.return %0, %1, %2, %3 : f32, f32, f32, f32
}

// Functions that are steep at 0 keep their octaves, if the range has many.

// CHECK-LABEL: @octaves
// CHECK: pwl.apply #pwl.fn<rsqrt> %{{.*}} reduce #pwl.leading_zero<table_bits = 8> {{.*}} : tensor<3x1x!quant.uniform<u32:f32, 5.9604644775390625E-8>> -> tensor<3x1x!quant.uniform<i32:f32, 1.4901161193847656E-8>>
// CHECK: pwl.apply #pwl.fn<log> %{{.*}} reduce #pwl.leading_zero<table_bits = 9> {{.*}} : tensor<3x1x!quant.uniform<u32:f32, 5.9604644775390625E-8>> -> tensor<3x1x!quant.uniform<i16:f32, 9.765625E-4>>
// CHECK: pwl.apply #pwl.fn<sqrt> %{{.*}} reduce #pwl.leading_zero<table_bits = 8> {{.*}} : tensor<3x1x!quant.uniform<u16:f32, 0.001953125>> -> tensor<3x1x!quant.uniform<i16:f32, 4.8828125E-4>>
// CHECK: pwl.apply #pwl.fn<sqrt> %{{.*}} {{{.*}}} : tensor<3x1x!quant.uniform<u8:f32, 1.250000e-01>>
func.func @octaves(%b: !b) {
  %0 = torch.aten.rsqrt %b {pwl.range = [1.0e-3, 200.0]} : !b -> !b
  %1 = torch.aten.log %b {pwl.range = [0.0, 200.0]} : !b -> !b
  %2 = torch.aten.sqrt %b {pwl.range = [0.5, 100.0]} : !b -> !b
  // Eight bits were asked for.
  %3 = torch.aten.sqrt %b {pwl.range = [1.0, 30.0], pwl.bits = 8 : i64} : !b -> !b
  func.return
}
