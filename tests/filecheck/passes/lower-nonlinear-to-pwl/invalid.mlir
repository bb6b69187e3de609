// RUN: not lut-opt %s --split-input-file --lower-nonlinear-to-pwl 2>&1 | filecheck %s

// CHECK: invalid.mlir:5:3: error: [lower-nonlinear-to-pwl] no input scale for tanh: put quantize/dequantize ops around it, give it pwl.range = [lo, hi], or pass input-scale=
func.func @scale(%x: f32) -> f32 {
  %0 = math.tanh %x : f32
  func.return %0 : f32
}
// -----
// CHECK: invalid.mlir:11:3: error: [lower-nonlinear-to-pwl] pwl.range must ascend, got [1.0, -1.0]
func.func @descending(%x: f32) -> f32 {
  %0 = math.tanh %x {pwl.range = [1.0, -1.0]} : f32
  func.return %0 : f32
}
// -----
// CHECK: invalid.mlir:17:3: error: [lower-nonlinear-to-pwl] pwl.range must be finite, got [-inf, 1.0]
func.func @infinite(%x: f32) -> f32 {
  %0 = math.tanh %x {pwl.range = [0xFFF0000000000000 : f64, 1.0 : f64]} : f32
  func.return %0 : f32
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] pwl.range must be finite, got [nan, 1.0]
func.func @nan(%x: f32) -> f32 {
  %0 = math.tanh %x {pwl.range = [0x7FF8000000000000 : f64, 1.0 : f64]} : f32
  func.return %0 : f32
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] pwl.range must be two 64-bit floats, as in [-4.0, 4.0]
func.func @one_bound(%x: f32) -> f32 {
  %0 = math.tanh %x {pwl.range = [1.0]} : f32
  func.return %0 : f32
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] log is undefined at x = -1, which the input type can hold: declare its domain with pwl.range = [lo, hi], or use an unsigned input
func.func @undefined(%x: f32) -> f32 {
  %0 = math.log %x {pwl.range = [-1.0, 1.0]} : f32
  func.return %0 : f32
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] rsqrt is undefined at x = -8, which the input type can hold
func.func @undefined_type(%q: !quant.uniform<i8:f32, 6.250000e-02>) -> f32 {
  %x = quant.dcast %q : !quant.uniform<i8:f32, 6.250000e-02> to f32
  %0 = math.rsqrt %x : f32
  func.return %0 : f32
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] math.powf needs a constant exponent to become a table
func.func @exponent(%x: f32, %y: f32) -> f32 {
  %0 = math.powf %x, %y {pwl.range = [1.0, 2.0]} : f32
  func.return %0 : f32
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] {{.*}}known rank
func.func @unranked(%x: !torch.vtensor<*,f32>) -> !torch.vtensor<*,f32> {
  %0 = torch.aten.tanh %x {pwl.range = [-1.0, 2.0]} : !torch.vtensor<*,f32> -> !torch.vtensor<*,f32>
  func.return %0 : !torch.vtensor<*,f32>
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] only floats become tables, got tensor<2xi64>
func.func @integers(%x: !torch.vtensor<[2],si64>) -> !torch.vtensor<[2],si64> {
  %0 = torch.aten.tanh %x {pwl.range = [-1.0, 2.0]} : !torch.vtensor<[2],si64> -> !torch.vtensor<[2],si64>
  func.return %0 : !torch.vtensor<[2],si64>
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] no input scale for softmax: put quantize/dequantize ops around it, give it pwl.range = [lo, hi], pass input-scale=, or leave it with keep=softmax
func.func @softmax(%x: !torch.vtensor<[2,8],f32>) {
  %last = torch.constant.int -1
  %none = torch.constant.none
  %0 = torch.aten.softmax.int %x, %last, %none : !torch.vtensor<[2,8],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,8],f32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] the axis of torch.aten.softmax.int must be a constant within the 2 axes
func.func @axis(%x: !torch.vtensor<[2,8],f32>, %axis: !torch.int) {
  %none = torch.constant.none
  %0 = torch.aten.softmax.int %x, %axis, %none {pwl.range = [-8.0, 0.0]} : !torch.vtensor<[2,8],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,8],f32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] mean and rstd of torch.aten.native_layer_norm are used; only its first result is computed
func.func @statistics(%x: !torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,1],f32> {
  %four = torch.constant.int 4
  %row = torch.prim.ListConstruct %four : (!torch.int) -> !torch.list<int>
  %eps = torch.constant.float 1.000000e-06
  %none = torch.constant.none
  %1, %mean, %rstd = torch.aten.native_layer_norm %x, %row, %none, %none, %eps {pwl.range = [-8.0, 7.9375]} : !torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.none, !torch.none, !torch.float -> !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,1],f32>, !torch.vtensor<[2,1],f32>
  func.return %mean : !torch.vtensor<[2,1],f32>
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] pwl.softmax takes rows of up to 8192 elements, got 10000
func.func @long(%x: !torch.vtensor<[2,10000],f32>) {
  %last = torch.constant.int -1
  %none = torch.constant.none
  %0 = torch.aten.softmax.int %x, %last, %none {pwl.range = [-8.0, 0.0]} : !torch.vtensor<[2,10000],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,10000],f32>
  func.return
}
// -----
// CHECK: invalid.mlir:{{[0-9]+}}:{{[0-9]+}}: error: [lower-nonlinear-to-pwl] a weight of torch.aten.batch_norm is not in the module as a constant: fold batch norms at export (lut-export does), or leave it with keep=batch_norm
func.func @batch_norm(%x: !torch.vtensor<[2,4],f32>, %s: !torch.vtensor<[4],f32>) {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %eps = torch.constant.float 1.000000e-05
  %0 = torch.aten.batch_norm %x, %none, %none, %s, %s, %false, %eps, %eps, %false : !torch.vtensor<[2,4],f32>, !torch.none, !torch.none, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.vtensor<[2,4],f32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] torch.aten.group_norm needs known sizes of channels and positions, got (2, 4, -1)
func.func @group_norm(%x: !torch.vtensor<[2,4,?],f32>) {
  %two = torch.constant.int 2
  %none = torch.constant.none
  %false = torch.constant.bool false
  %eps = torch.constant.float 1.000000e-05
  %0 = torch.aten.group_norm %x, %two, %none, %none, %eps, %false : !torch.vtensor<[2,4,?],f32>, !torch.int, !torch.none, !torch.none, !torch.float, !torch.bool -> !torch.vtensor<[2,4,?],f32>
  func.return
}
// -----
// CHECK: error: [lower-nonlinear-to-pwl] attention with dropout is for training: export the model in eval mode
func.func @dropout(%q: !torch.vtensor<[2,8,16],f32>) {
  %half = torch.constant.float 0.5
  %false = torch.constant.bool false
  %none = torch.constant.none
  %0 = torch.aten.scaled_dot_product_attention %q, %q, %q, %none, %half, %false, %none, %false : !torch.vtensor<[2,8,16],f32>, !torch.vtensor<[2,8,16],f32>, !torch.vtensor<[2,8,16],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor<[2,8,16],f32>
  func.return
}
// -----
// CHECK: invalid.mlir:{{[0-9]+}}:{{[0-9]+}}: error: [lower-nonlinear-to-pwl] torch.aten.batch_norm needs floats, got si64
func.func @integers(%x: !torch.vtensor<[2,4],si64>) {
  %s = torch.vtensor.literal(dense<2.0> : tensor<4xf32>) : !torch.vtensor<[4],f32>
  %none = torch.constant.none
  %false = torch.constant.bool false
  %eps = torch.constant.float 1.000000e-05
  %0 = torch.aten.batch_norm %x, %none, %none, %s, %s, %false, %eps, %eps, %false : !torch.vtensor<[2,4],si64>, !torch.none, !torch.none, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.vtensor<[2,4],si64>
  func.return
}
