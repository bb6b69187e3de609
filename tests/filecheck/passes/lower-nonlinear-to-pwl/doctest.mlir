// RUN: lut-opt %s --lower-nonlinear-to-pwl | filecheck %s

// The example of the pass's documentation.

func.func @doc(%x: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK:      %[[q:.*]] = quant.qcast %x : tensor<8xf32> to tensor<8x!quant.uniform<i8:f32, 3.125000e-02>>
  // CHECK-NEXT: %[[t:.*]] = pwl.apply #pwl.fn<tanh> %[[q]] {pwl.range = [-4.000000e+00 : f64, 3.968750e+00 : f64]} : tensor<8x!quant.uniform<i8:f32, 3.125000e-02>> -> tensor<8x!quant.uniform<i8:f32, 7.812500e-03>>
  // CHECK-NEXT: %[[y:.*]] = quant.dcast %[[t]] : tensor<8x!quant.uniform<i8:f32, 7.812500e-03>> to tensor<8xf32>
  // CHECK-NEXT: func.return %[[y]]
  %y = math.tanh %x {pwl.range = [-4.0, 3.96875]} : tensor<8xf32>
  func.return %y : tensor<8xf32>
}
