// RUN: lut-opt %s --lower-nonlinear-to-pwl --pwl-search --convert-pwl-to-hw -o %t.1
// RUN: lut-opt %t.1 -o %t.2
// RUN: diff %t.1 %t.2
// RUN: filecheck %s --input-file %t.1

// What a module says of an exponential over many octaves is read again as it was printed.
// CHECK: hw.module @pwl_exp_
// CHECK-SAME: #pwl.octaves<table_bits = 9>
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = math.exp %x {pwl.range = [-6.0, 6.0]} : tensor<4xf32>
  func.return %y : tensor<4xf32>
}
