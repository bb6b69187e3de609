// RUN: lut-opt --lower-nonlinear-to-pwl %s -t report 2>/dev/null | filecheck %s

// A range that no table takes is told: the operator is linear.

func.func @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %sum = arith.addf %x, %y {pwl.range = [-1.0, 1.0]} : tensor<4xf32>
  %tanh = math.tanh %x {pwl.range = [-4.0, 4.0]} : tensor<4xf32>
  return %sum, %tanh : tensor<4xf32>, tensor<4xf32>
}

// CHECK:      1 tanh (pwl.apply)
// CHECK:      left in floating point: none
// CHECK:      ranges not used: 1
// CHECK-NEXT:   1 arith.addf
// CHECK-NEXT:     {{.*}}report-ranges.mlir:6:
