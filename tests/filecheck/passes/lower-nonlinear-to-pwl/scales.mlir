// RUN: lut-opt %s --lower-nonlinear-to-pwl="input-scale=1.0 output-scale=0.5" | filecheck %s

// Scales come from the casts around an operator first …

// CHECK-LABEL: @casts
// CHECK-NEXT: %[[y:.*]] = pwl.apply #pwl.fn<tanh> %q {{.*}}: !quant.uniform<i8:f32, 3.000000e-02:-3> -> !quant.uniform<u8:f32, 8.000000e-03:128>
// CHECK-NEXT: func.return %[[y]]
func.func @casts(%q: !quant.uniform<i8:f32, 3.000000e-02:-3>) -> !quant.uniform<u8:f32, 8.000000e-03:128> {
  %x = quant.dcast %q : !quant.uniform<i8:f32, 3.000000e-02:-3> to f32
  %0 = math.tanh %x {pwl.range = [-1.0, 1.0]} : f32
  %1 = quant.qcast %0 : f32 to !quant.uniform<u8:f32, 8.000000e-03:128>
  func.return %1 : !quant.uniform<u8:f32, 8.000000e-03:128>
}

// … as PyTorch's quantizer leaves them …

// CHECK-LABEL: @pt2e
// CHECK: pwl.apply #pwl.fn<gelu> %{{.*}} : tensor<4x!quant.uniform<i8:f32, {{5.0.*e-02|0.05.*}}>> -> tensor<4x!quant.uniform<i8:f32, 5.000000e-01>>
func.func @pt2e(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %none = torch.constant.str "none"
  %s = torch.constant.float 5.000000e-02
  %z = torch.constant.int 0
  %lo = torch.constant.int -128
  %hi = torch.constant.int 127
  %dtype = torch.constant.int 1
  %q = torch.operator "torch.quantized_decomposed.quantize_per_tensor"(%x, %s, %z, %lo, %hi, %dtype) : (!torch.vtensor<[4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int) -> !torch.vtensor<[4],si8>
  %d = torch.operator "torch.quantized_decomposed.dequantize_per_tensor"(%q, %s, %z, %lo, %hi, %dtype) : (!torch.vtensor<[4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int) -> !torch.vtensor<[4],f32>
  %y = torch.aten.gelu %d, %none : !torch.vtensor<[4],f32>, !torch.str -> !torch.vtensor<[4],f32>
  func.return %y : !torch.vtensor<[4],f32>
}

// … then from the declared range: the smallest power of two that covers it …

// CHECK-LABEL: @range
// CHECK: !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 5.000000e-01>
func.func @range(%x: f32) -> f32 {
  %0 = math.tanh %x {pwl.range = [-3.0, 3.5]} : f32
  func.return %0 : f32
}

// … and last from the options.

// CHECK-LABEL: @options
// CHECK: !quant.uniform<i8:f32, 1.000000e+00> -> !quant.uniform<i8:f32, 5.000000e-01>
func.func @options(%x: f32) -> f32 {
  %0 = math.tanh %x : f32
  func.return %0 : f32
}
