// RUN: lut-opt %s --canonicalize | filecheck %s

// Segments that no stored input reaches go; neighbours with equal lines merge.

func.func @shrink(%x: !quant.uniform<i8:f32, 1.0>) -> !quant.uniform<i8:f32, 1.0> {
  // CHECK: table #pwl.table<i8, breakpoints = [5], slopes = [1, 2], intercepts = [0, 3]>
  %y = pwl.apply #pwl.fn<square> %x
      table #pwl.table<i8, breakpoints = [-128, 0, 5, 5], slopes = [9, 1, 1, 7, 2], intercepts = [9, 0, 0, 7, 3]>
      : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return %y : !quant.uniform<i8:f32, 1.0>
}

// What is not used is removed: on values, pwl.apply has no effect.

// CHECK-LABEL: @unused
// CHECK-NEXT: func.return
func.func @unused(%x: !quant.uniform<i8:f32, 1.0>) {
  %y = pwl.apply #pwl.fn<square> %x : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}

// On memrefs it writes.

// CHECK-LABEL: @written
// CHECK-NEXT: pwl.apply
func.func @written(%x: memref<2x!quant.uniform<i8:f32, 1.0>>) {
  pwl.apply #pwl.fn<square> %x into %x : memref<2x!quant.uniform<i8:f32, 1.0>>, memref<2x!quant.uniform<i8:f32, 1.0>>
  func.return
}
