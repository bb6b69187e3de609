// RUN: lut-opt %s --convert-quantized-to-integer="float=error" | filecheck %s
// RUN: lut-opt %s --convert-quantized-to-integer -t report | filecheck %s --check-prefix REPORT
// RUN: lut-opt %s -t report | filecheck %s --check-prefix BEFORE

// The example of the pass's documentation: y = x·w + b with a scale for each channel of w.

// REPORT: in floating point between quantizations: none
// BEFORE-NOT: between quantizations

// CHECK-LABEL: func.func @doc
func.func @doc(%q: !torch.vtensor<[4,2],si8>, %p: !torch.vtensor<[2,2],si8>) -> !torch.vtensor<[4,2],si8> {
  %half = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %none = torch.constant.none
  %scales = torch.vtensor.literal(dense<[2.5e-01, 1.25e-01]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %zeros = torch.vtensor.literal(dense<0> : tensor<2xsi64>) : !torch.vtensor<[2],si64>
  %bias = torch.vtensor.literal(dense<[1.0, -0.5]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %x = torch.quantized_decomposed.dequantize_per_tensor %q, %half, %zero, %low, %high, %one, %none : !torch.vtensor<[4,2],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,2],f32>
  %w = torch.quantized_decomposed.dequantize_per_channel %p, %scales, %zeros, %one, %low, %high, %one, %none : !torch.vtensor<[2,2],si8>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],si64>, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,2],f32>
  %y = torch.aten.mm %x, %w : !torch.vtensor<[4,2],f32>, !torch.vtensor<[2,2],f32> -> !torch.vtensor<[4,2],f32>
  %z = torch.aten.add.Tensor %y, %bias, %one : !torch.vtensor<[4,2],f32>, !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[4,2],f32>
  // CHECK:      %[[x:.*]] = torch_c.to_builtin_tensor %q
  // CHECK:      %[[w:.*]] = torch_c.to_builtin_tensor %p
  // CHECK:      %[[acc:.*]] = linalg.generic {{.*}}"reduction"{{.*}} ins(%[[x]], %[[w]] : tensor<4x2xi8>, tensor<2x2xi8>) outs(%{{.*}} : tensor<4x2xi32>)
  // CHECK-NEXT: ^{{.*}}(%[[a:.*]]: i8, %[[b:.*]]: i8, %[[sum:.*]]: i32):
  // CHECK-NEXT: %[[aw:.*]] = arith.extsi %[[a]] : i8 to i32
  // CHECK-NEXT: %[[bw:.*]] = arith.extsi %[[b]] : i8 to i32
  // CHECK-NEXT: %[[ab:.*]] = arith.muli %[[aw]], %[[bw]] : i32
  // CHECK-NEXT: arith.addi %[[sum]], %[[ab]] : i32

  // 1.0 and -0.5 in the steps 1/8 and 1/16 of the accumulators, and 2 and 1 of their multipliers.
  // CHECK:      %[[bias:.*]] = arith.constant dense<{{\[}}[8, -8]]> : tensor<1x2xi32>
  // CHECK:      %[[factors:.*]] = arith.constant dense<{{\[}}[2, 1]]> : tensor<1x2xi32>
  // CHECK:      linalg.generic {{.*}} ins(%[[acc]], %[[bias]], %[[factors]] : {{.*}}) outs(%{{.*}} : tensor<4x2xi8>)
  // CHECK-NEXT: ^{{.*}}(%[[s:.*]]: i32, %[[o:.*]]: i32, %[[m:.*]]: i32, %{{.*}}: i8):
  // CHECK-NEXT: %[[so:.*]] = arith.addi %[[s]], %[[o]] : i32
  // CHECK-NEXT: %[[t:.*]] = arith.muli %[[so]], %[[m]] : i32
  // CHECK-NEXT: %[[shift:.*]] = arith.constant 3 : i32

  // Halves to even: 3 is half of the step less one, and one more if the quotient is odd.
  // CHECK-NEXT: %[[even:.*]] = arith.shrsi %[[t]], %[[shift]] : i32
  // CHECK:      %[[odd:.*]] = arith.andi %[[even]], %{{.*}} : i32
  // CHECK-NEXT: arith.constant 3 : i32
  // CHECK:      arith.shrsi
  // CHECK:      arith.maxsi
  // CHECK:      arith.minsi
  // CHECK:      arith.trunci %{{.*}} : i32 to i8
  %r = torch.quantized_decomposed.quantize_per_tensor %z, %half, %zero, %low, %high, %one : !torch.vtensor<[4,2],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[4,2],si8>
  // CHECK-NOT: f32
  // CHECK:     func.return
  func.return %r : !torch.vtensor<[4,2],si8>
}
