// RUN: lut-opt %s --convert-pwl-to-arith | filecheck %s

// Leading zeros are counted in 64 bits, the table is read, and one shift rounds.

!wide = !quant.uniform<u32:f32, 1.0>
!result = !quant.uniform<i16:f32, 9.765625E-4>

// CHECK-LABEL: @apply
// CHECK:      arith.extui %{{.*}} : i32 to i64
// CHECK:      math.ctlz %{{.*}} : i64
// CHECK:      arith.trunci %{{.*}} : i64 to i16
// CHECK:      arith.select
// CHECK:      arith.constant 32767 : i16
// CHECK:      arith.select %{{.*}} : i16
func.func @apply(%x: !wide) -> !result {
  %y = pwl.apply #pwl.fn<reciprocal> %x reduce #pwl.leading_zero<table_bits = 9>
    table #pwl.table<i8, breakpoints = [700], slopes = [-48, -21], intercepts = [104, 80], intercept_shift = 9> : !wide -> !result
  func.return %y : !result
}

// Sub-ranges are compared with instead.

// CHECK-LABEL: @ranges
// CHECK:      arith.constant 128 : i64
// CHECK-NEXT: arith.cmpi sge
// CHECK-NOT:  math.ctlz
func.func @ranges(%x: !wide) -> !result {
  %y = pwl.apply #pwl.fn<reciprocal> %x reduce #pwl.multi_range<bounds = [128, 1024], shifts = [3, 6], range = [16, 128], fraction = 5>
    table #pwl.table<i8, breakpoints = [], slopes = [-1], intercepts = [100]> : !wide -> !result
  func.return %y : !result
}

// A division is one loop; an axis of size 1 is repeated, unless the result's has that size, too.

// CHECK-LABEL: @divide
// CHECK:      linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, 0)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>]
// CHECK:      linalg.yield %{{.*}} : i16
func.func @divide(%a: tensor<?x1x1x!result>, %b: tensor<1x4x!wide>) -> tensor<?x1x4x!result> {
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9> {reciprocal = #pwl.table<i8, breakpoints = [], slopes = [-32], intercepts = [96], intercept_shift = 9>}
    : tensor<?x1x1x!result>, tensor<1x4x!wide> -> tensor<?x1x4x!result>
  func.return %y : tensor<?x1x4x!result>
}
