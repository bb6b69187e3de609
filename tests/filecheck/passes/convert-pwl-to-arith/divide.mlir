// RUN: lut-opt %s --pwl-search --convert-pwl-to-arith | filecheck %s

!n = !quant.uniform<i16:f32, 9.765625E-4>
!d = !quant.uniform<u32:f32, 9.5367431640625E-7>

// A size of 1 is repeated only where the result has another: each loop has an operand that says how
// long it is.
// CHECK-LABEL: func.func @batch_of_one
// CHECK: linalg.generic {indexing_maps = [
// CHECK-SAME: affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, 0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>]
func.func @batch_of_one(%a: tensor<1x3x8x!n>, %b: tensor<1x3x1x!d>) -> tensor<1x3x8x!n> {
  %0 = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9> : tensor<1x3x8x!n>, tensor<1x3x1x!d> -> tensor<1x3x8x!n>
  func.return %0 : tensor<1x3x8x!n>
}
