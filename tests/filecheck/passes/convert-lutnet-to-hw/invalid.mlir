// RUN: not lut-opt %s --convert-lutnet-to-hw 2>&1 | filecheck %s
// RUN: not lut-opt %s --convert-lutnet-to-hw="pipeline=-1" 2>&1 | filecheck %s --check-prefix=OPTION

// CHECK: invalid.mlir:7:3: error: [convert-lutnet-to-hw] the bits of a block in hardware come from lutnet.encode, these do not
// OPTION: pipeline must not be negative, got -1
func.func @main(%b: tensor<4x2xi1>) -> tensor<4x1x!quant.uniform<i8:f32, 1.0>> {
  %y = lutnet.popcount %b : tensor<4x2xi1> -> tensor<4x1x!quant.uniform<i8:f32, 1.0>>
  return %y : tensor<4x1x!quant.uniform<i8:f32, 1.0>>
}
