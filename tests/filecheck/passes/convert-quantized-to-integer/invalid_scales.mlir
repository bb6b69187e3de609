// RUN: not lut-opt %s --split-input-file --convert-quantized-to-integer 2>&1 | filecheck %s

// CHECK: invalid_scales.mlir:{{.*}}: error: [convert-quantized-to-integer] torch.quantized_decomposed.dequantize_per_channel: the module does not show the scales of its weights: export it with its weights
func.func @hidden(%q0: !torch.vtensor<[2,2],si8>) -> !torch.vtensor<[2,2],f32> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %scales = torch.vtensor.literal(dense_resource<gone> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %zeros = torch.vtensor.literal(dense<0> : tensor<2xsi64>) : !torch.vtensor<[2],si64>
  %y = torch.quantized_decomposed.dequantize_per_channel %q0, %scales, %zeros, %int8, %low, %high, %int8, %none : !torch.vtensor<[2,2],si8>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],si64>, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,2],f32>
  func.return %y : !torch.vtensor<[2,2],f32>
}
// -----
// CHECK: error: [convert-quantized-to-integer] torch.quantized_decomposed.quantize_per_tensor: the result's scale is too fine for its operands: their scales are 5e+10 times as large
func.func @far(%q0: !torch.vtensor<[2],si8>) -> !torch.vtensor<[2],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %fine = torch.constant.float 1.0e-11
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %x0, %fine, %zero, %low, %high, %int8 : !torch.vtensor<[2],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2],si8>
  func.return %r : !torch.vtensor<[2],si8>
}
// -----
// CHECK: error: [convert-quantized-to-integer] the scale of torch.quantized_decomposed.dequantize_per_tensor must be positive and finite, got -0.5
func.func @negative(%q0: !torch.vtensor<[2],si8>) -> !torch.vtensor<[2],f32> {
  %scale = torch.constant.float -5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2],f32>
  func.return %x0 : !torch.vtensor<[2],f32>
}
