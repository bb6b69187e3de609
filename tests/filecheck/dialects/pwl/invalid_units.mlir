// RUN: not lut-opt %s --split-input-file 2>&1 | filecheck %s

// CHECK: error: {{.*}}axis 2 is not within 0 … 1
func.func @axis(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 2 : i64, clip = -255 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
// -----
// CHECK: error: {{.*}}clip must be from -65535 to -1, got 0
func.func @clip(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 1 : i64, clip = 0 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
// -----
// CHECK: error: {{.*}}the exp table gives 1 at clip = -255, where masked positions are: it must be 0
func.func @masked(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64, exp_fraction = 4 : i64, exp = #pwl.table<i8, breakpoints = [], slopes = [0], intercepts = [1]>} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
// -----
// CHECK: error: {{.*}}the exp table and exp_fraction come together or not at all
func.func @fraction(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64, exp_fraction = 4 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
// -----
// CHECK: error: {{.*}}the exp table gives 0 at a distance of 0
func.func @no_sum(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64, exp_fraction = 4 : i64, exp = #pwl.table<i8, breakpoints = [], slopes = [0], intercepts = [0]>} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
// -----
// CHECK: error: {{.*}}the result scale of pwl.softmax must be a power of two, got 0.004
func.func @step(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 4.0e-03>>
  func.return
}
// -----
// CHECK: error: {{.*}}the result needs a scale from 2^-15 to 1 and a zero point of 0
func.func @fine(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03:1>>
  func.return
}
// -----
// CHECK: error: {{.*}}pwl.softmax takes rows of up to 8192 elements, got 9000
func.func @row(%x: tensor<2x9000x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x9000x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x9000x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
// -----
// CHECK: error: {{.*}}differ in shape
func.func @shape(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x9x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
// -----
// CHECK: error: {{.*}}input of pwl.rms_norm must be a ranked tensor of !quant.uniform elements, got tensor<2x8xf32>
func.func @float(%x: tensor<2x8xf32>) {
  %y = pwl.rms_norm %x {epsilon = 0.0, normalized = 1 : i64} : tensor<2x8xf32> -> tensor<2x8x!quant.uniform<i8:f32, 6.250000e-02>>
  func.return
}
// -----
// CHECK: error: {{.*}}pwl.softmax takes at most 16 bits
func.func @wide(%x: tensor<2x8x!quant.uniform<i17:f32, 6.250000e-02>>) {
  %y = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x8x!quant.uniform<i17:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
// -----
// CHECK: error: {{.*}}pwl.rms_norm gives at most 16 bits
func.func @wide_result(%x: tensor<2x8x!quant.uniform<u16:f32, 6.250000e-02>>) {
  %y = pwl.rms_norm %x {epsilon = 0.0, normalized = 1 : i64} : tensor<2x8x!quant.uniform<u16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<i17:f32, 6.250000e-02>>
  func.return
}
// -----
// CHECK: error: {{.*}}an snr without tables: remove it, or add the tables
func.func @ratio(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.rms_norm %x {epsilon = 0.0, normalized = 1 : i64, snr = 40.0} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<i8:f32, 6.250000e-02>>
  func.return
}
// -----
// CHECK: error: {{.*}}normalized must be from 1 to the 2 axes of the input, got 3
func.func @axes(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.layer_norm %x {epsilon = 0.0, normalized = 3 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<i8:f32, 6.250000e-02>>
  func.return
}
// -----
// CHECK: error: {{.*}}epsilon -1.0 is negative or too large
func.func @epsilon(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.layer_norm %x {epsilon = -1.0, normalized = 1 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<i8:f32, 6.250000e-02>>
  func.return
}
// -----
// CHECK: error: {{.*}}gamma tensor<7x!quant.uniform<i16:f32, 1.000000e+00>> has not the shape of a row
func.func @gamma(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>, %g: tensor<7x!quant.uniform<i16:f32, 1.0>>) {
  %y = pwl.layer_norm %x gamma %g : tensor<7x!quant.uniform<i16:f32, 1.0>> {epsilon = 0.0, normalized = 1 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<i8:f32, 6.250000e-02>>
  func.return
}
// -----
// CHECK: error: {{.*}}the result scale must be 2^-14 or larger
func.func @coarse(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %y = pwl.layer_norm %x {epsilon = 0.0, normalized = 1 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<i8:f32, 3.0517578125E-5>>
  func.return
}
