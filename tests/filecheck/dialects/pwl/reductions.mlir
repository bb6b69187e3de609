// RUN: lut-opt %s | lut-opt | filecheck %s
// RUN: lut-opt %s --print-op-generic | lut-opt | filecheck %s
// RUN: lut-opt %s --canonicalize | filecheck %s --check-prefix=SMALLER

!wide = !quant.uniform<u32:f32, 9.5367431640625E-7>
!result = !quant.uniform<i16:f32, 9.765625E-4>

func.func @reductions(%x: tensor<4x!wide>, %a: tensor<2x?x1x!result>, %s: !wide, %t: !result) -> (tensor<4x!result>, tensor<4x!result>, tensor<2x?x4x!result>, !result) {
  // CHECK: pwl.apply #pwl.fn<rsqrt> %{{.*}} reduce #pwl.leading_zero<table_bits = 8> : tensor<4x!quant.uniform<u32:f32, 9.5367431640625E-7>> -> tensor<4x!quant.uniform<i16:f32, 9.765625E-4>>
  %0 = pwl.apply #pwl.fn<rsqrt> %x reduce #pwl.leading_zero<table_bits = 8> : tensor<4x!wide> -> tensor<4x!result>

  // The table's inputs are 16 to 128 here: what lies outside goes, what is inside stays, though the
  // operand itself reaches neither.
  // CHECK-NEXT: pwl.apply #pwl.fn<reciprocal> %{{.*}} reduce #pwl.multi_range<bounds = [128, 1024], shifts = [3, 6], range = [16, 128], fraction = 5> table #pwl.table<i8, breakpoints = [16, 64, 128], slopes = [7, -8, -2, -1], intercepts = [1, 3, 4, 5]>
  // SMALLER: table #pwl.table<i8, breakpoints = [64, 128], slopes = [-8, -2, -1], intercepts = [3, 4, 5]>
  %1 = pwl.apply #pwl.fn<reciprocal> %x reduce #pwl.multi_range<bounds = [128, 1024], shifts = [3, 6], range = [16, 128], fraction = 5>
    table #pwl.table<i8, breakpoints = [16, 64, 128], slopes = [7, -8, -2, -1], intercepts = [1, 3, 4, 5]> : tensor<4x!wide> -> tensor<4x!result>

  // CHECK-NEXT: pwl.divide %{{.*}}, %{{.*}} reduce #pwl.leading_zero<table_bits = 9> : tensor<2x?x1x!quant.uniform<i16:f32, 9.765625E-4>>, tensor<4x!quant.uniform<u32:f32, 9.5367431640625E-7>> -> tensor<2x?x4x!quant.uniform<i16:f32, 9.765625E-4>>
  %2 = pwl.divide %a, %x reduce #pwl.leading_zero<table_bits = 9> : tensor<2x?x1x!result>, tensor<4x!wide> -> tensor<2x?x4x!result>

  // CHECK-NEXT: pwl.divide %{{.*}}, %{{.*}} reduce #pwl.leading_zero<table_bits = 9> {reciprocal = #pwl.table<i8, breakpoints = [], slopes = [-32], intercepts = [96], intercept_shift = 9>} : !quant.uniform
  %3 = pwl.divide %t, %s reduce #pwl.leading_zero<table_bits = 9> {reciprocal = #pwl.table<i8, breakpoints = [], slopes = [-32], intercepts = [96], intercept_shift = 9>} : !result, !wide -> !result
  func.return %0, %1, %2, %3 : tensor<4x!result>, tensor<4x!result>, tensor<2x?x4x!result>, !result
}
