// RUN: not lut-opt %s --split-input-file --convert-quantized-to-integer="float=error" 2>&1 | filecheck %s
// RUN: lut-opt %s --split-input-file --convert-quantized-to-integer 2>&1 | filecheck %s --check-prefix KEPT

// KEPT: torch.aten.cumsum
// CHECK: invalid.mlir:{{.*}}: error: [convert-quantized-to-integer] 2 operators are left in floating point: {{.*}}invalid.mlir:{{.*}}: torch.aten.cumsum: quantize what it reads, or give it a table with --lower-nonlinear-to-pwl; {{.*}}quantize_per_tensor
func.func @unknown(%q0: !torch.vtensor<[2,4],si8>) -> !torch.vtensor<[2,4],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %y = torch.aten.cumsum %x0, %int8, %none : !torch.vtensor<[2,4],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  func.return %r : !torch.vtensor<[2,4],si8>
}
// -----
// CHECK: torch.aten.mm: the right operand is not rounded to integers yet: quantize it before
func.func @sum_of_sums(%q0: !torch.vtensor<[4,4],si8>, %q1: !torch.vtensor<[4,4],si8>) -> !torch.vtensor<[4,4],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[4,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,4],f32>
  %x1 = torch.quantized_decomposed.dequantize_per_tensor %q1, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[4,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,4],f32>
  %s = torch.aten.add.Tensor %x0, %x1, %int8 : !torch.vtensor<[4,4],f32>, !torch.vtensor<[4,4],f32>, !torch.int -> !torch.vtensor<[4,4],f32>
  %y = torch.aten.mm %x0, %s : !torch.vtensor<[4,4],f32>, !torch.vtensor<[4,4],f32> -> !torch.vtensor<[4,4],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[4,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[4,4],si8>
  func.return %r : !torch.vtensor<[4,4],si8>
}
// -----
// CHECK: torch.aten.mm: an operand comes from floats: quantize it
func.func @dynamic(%q0: !torch.vtensor<[4,4],si8>, %s: !torch.float) -> !torch.vtensor<[4,4],f32> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[4,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,4],f32>
  %x1 = torch.quantized_decomposed.dequantize_per_tensor %q0, %s, %zero, %low, %high, %int8, %none : !torch.vtensor<[4,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,4],f32>
  %y = torch.aten.mm %x0, %x1 : !torch.vtensor<[4,4],f32>, !torch.vtensor<[4,4],f32> -> !torch.vtensor<[4,4],f32>
  func.return %y : !torch.vtensor<[4,4],f32>
}
// -----
// CHECK: torch.aten.mm: the summed axis has scales of its own: quantize by other channels
func.func @channels(%q0: !torch.vtensor<[2,2],si8>) -> !torch.vtensor<[2,2],f32> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %scales = torch.vtensor.literal(dense<[2.5e-01, 1.25e-01]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %zeros = torch.vtensor.literal(dense<0> : tensor<2xsi64>) : !torch.vtensor<[2],si64>
  %x1 = torch.quantized_decomposed.dequantize_per_channel %q0, %scales, %zeros, %int8, %low, %high, %int8, %none : !torch.vtensor<[2,2],si8>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],si64>, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,2],f32>
  %y = torch.aten.mm %x1, %x1 : !torch.vtensor<[2,2],f32>, !torch.vtensor<[2,2],f32> -> !torch.vtensor<[2,2],f32>
  func.return %y : !torch.vtensor<[2,2],f32>
}
