// RUN: not lut-opt %s --convert-pwl-to-hw 2>&1 | filecheck %s

// CHECK: units.mlir:6:3: error: [convert-pwl-to-hw] no hardware for pwl.softmax yet: leave it to the host with --lower-nonlinear-to-pwl=keep=softmax

func.func @host(%x: tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>>) {
  %0 = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x8x!quant.uniform<i16:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
