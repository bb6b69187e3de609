// RUN: not lut-opt %s --split-input-file --lower-nonlinear-to-pwl 2>&1 | filecheck %s

func.func @itself() {
  // CHECK: invalid_inputs.mlir:[[# @LINE + 1]]:3: error: math.tanh uses a value, which is not computed before it: define every value ahead of its uses
  %0 = math.tanh %0 {pwl.range = [-1.0, 1.0]} : f32
  func.return
}
// -----
func.func @each_other() {
  // CHECK: invalid_inputs.mlir:[[# @LINE + 1]]:3: error: arith.addf uses %second, which is not computed before it
  %first = arith.addf %second, %second : f32
  %second = math.tanh %first {pwl.range = [-1.0, 1.0]} : f32
  func.return
}
// -----
func.func @other_block(%c: i1) {
  cf.cond_br %c, ^made, ^used
^made:
  %made = arith.constant 1.0 : f32
  cf.br ^used
^used:
  // CHECK: invalid_inputs.mlir:[[# @LINE + 1]]:3: error: math.tanh uses %made, which is not computed before it
  %1 = math.tanh %made : f32
  func.return
}
// -----
func.func @inside(%x: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: error: math.tanh uses %whole, which is not computed before it
  %whole = "linalg.generic"(%x, %x) <{indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = [#linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
  ^bb0(%a: f32, %b: f32):
    %t = math.tanh %whole : tensor<2xf32>
    linalg.yield %a : f32
  }) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %whole : tensor<2xf32>
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] vector<[4]xf32> has lanes that only a machine counts: use a fixed vector
func.func @scalable(%x: vector<[4]xf32>) {
  %0 = math.tanh %x {pwl.range = [-1.0, 1.0]} : vector<[4]xf32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] only floats become tables, got f80: cast it to f32, f64, f16 or bf16 first
func.func @f80(%x: f80) {
  %0 = math.tanh %x {pwl.range = [-1.0, 1.0]} : f80
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] only floats become tables, got tensor<2xf8E4M3FN>: cast it
func.func @f8_roots(%x: !torch.vtensor<[2],f8E4M3FN>) {
  %0 = torch.aten.rsqrt %x {pwl.range = [0.0, 1000.0]} : !torch.vtensor<[2],f8E4M3FN> -> !torch.vtensor<[2],f8E4M3FN>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] only floats become tables, got tensor<2xf8E5M2>: cast it
func.func @f8_periods(%x: !torch.vtensor<[2],f8E5M2>) {
  %0 = torch.aten.sin %x {pwl.range = [0.0, 1000.0]} : !torch.vtensor<[2],f8E5M2> -> !torch.vtensor<[2],f8E5M2>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] only floats become tables, got tf32: cast it
func.func @tf32_quotient(%x: tf32) {
  %0 = arith.divf %x, %x {pwl.range = [1.0, 2.0], pwl.range_numerator = [-1.0, 1.0]} : tf32
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] math.powf needs a constant exponent
func.func @exponents(%x: tensor<2xf32>) {
  %c = arith.constant dense<[2.5, 1.5]> : tensor<2xf32>
  %0 = math.powf %x, %c {pwl.range = [0.0, 1.0]} : tensor<2xf32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] math.powf needs a constant exponent
func.func @no_exponent(%x: tensor<0xf32>) {
  %c = arith.constant dense<> : tensor<0xf32>
  %0 = math.powf %x, %c {pwl.range = [0.0, 1.0]} : tensor<0xf32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] no input scale for tanh, whose input has a scale for each channel where a table has one: put quantize/dequantize ops around it, give it pwl.range = [lo, hi]
func.func @channels(%q: tensor<2x!quant.uniform<i8:f32:0, {0.1, 0.2}>>) {
  %0 = quant.dcast %q : tensor<2x!quant.uniform<i8:f32:0, {0.1, 0.2}>> to tensor<2xf32>
  %1 = math.tanh %0 : tensor<2xf32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] no input scale for softmax, whose input has a scale for each channel
func.func @torch_channels(%q: !torch.vtensor<[2],si8>, %s: !torch.vtensor<[2],f32>, %z: !torch.vtensor<[2],si64>) {
  %axis = torch.constant.int 0
  %lo = torch.constant.int -128
  %hi = torch.constant.int 127
  %dtype = torch.constant.int 1
  %none = torch.constant.none
  %0 = torch.operator "torch.quantized_decomposed.dequantize_per_channel"(%q, %s, %z, %axis, %lo, %hi, %dtype) : (!torch.vtensor<[2],si8>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],si64>, !torch.int, !torch.int, !torch.int, !torch.int) -> !torch.vtensor<[2],f32>
  %1 = torch.aten.softmax.int %0, %axis, %none : !torch.vtensor<[2],f32>, !torch.int, !torch.none -> !torch.vtensor<[2],f32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] no input scale for tanh, whose input is quantized dynamically (choose_qparams: quantize statically): put quantize
func.func @dynamic(%x: !torch.vtensor<[2],f32>) {
  %lo = torch.constant.int -128
  %hi = torch.constant.int 127
  %eps = torch.constant.float 1.000000e-05
  %dtype = torch.constant.int 1
  %s:2 = torch.operator "torch.quantized_decomposed.choose_qparams.tensor"(%x, %lo, %hi, %eps, %dtype) : (!torch.vtensor<[2],f32>, !torch.int, !torch.int, !torch.float, !torch.int) -> (!torch.vtensor<[1],f64>, !torch.vtensor<[1],si64>)
  %q = torch.operator "torch.quantized_decomposed.quantize_per_tensor.tensor"(%x, %s#0, %s#1, %lo, %hi, %dtype) : (!torch.vtensor<[2],f32>, !torch.vtensor<[1],f64>, !torch.vtensor<[1],si64>, !torch.int, !torch.int, !torch.int) -> !torch.vtensor<[2],si8>
  %d = torch.operator "torch.quantized_decomposed.dequantize_per_tensor.tensor"(%q, %s#0, %s#1, %lo, %hi, %dtype) : (!torch.vtensor<[2],si8>, !torch.vtensor<[1],f64>, !torch.vtensor<[1],si64>, !torch.int, !torch.int, !torch.int) -> !torch.vtensor<[2],f32>
  %y = torch.aten.tanh %d : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] no table for torch.quantized_decomposed.choose_qparams.tensor: quantize the model statically (is_dynamic=False), or leave it in floating point with keep=
func.func @dynamic_alone(%x: !torch.vtensor<[2],f32>) {
  %lo = torch.constant.int -128
  %hi = torch.constant.int 127
  %eps = torch.constant.float 1.000000e-05
  %dtype = torch.constant.int 1
  %s:2 = torch.operator "torch.quantized_decomposed.choose_qparams.tensor"(%x, %lo, %hi, %eps, %dtype) : (!torch.vtensor<[2],f32>, !torch.int, !torch.int, !torch.float, !torch.int) -> (!torch.vtensor<[1],f64>, !torch.vtensor<[1],si64>)
  func.return
}
