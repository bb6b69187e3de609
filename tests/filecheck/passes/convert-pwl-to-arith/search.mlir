// RUN: lut-opt %s --convert-pwl-to-arith="select=binary" --canonicalize | filecheck %s
// RUN: lut-opt %s --convert-pwl-to-arith="select=search" --canonicalize | filecheck %s

// Four segments: three compares, each select two levels deep.

// CHECK-LABEL: @tree
// CHECK-DAG:  %[[a:.*]] = arith.cmpi sge, %x, %{{.*}} : i8
// CHECK-DAG:  %[[l:.*]] = arith.select
// CHECK-DAG:  %[[r:.*]] = arith.select
// CHECK:      arith.muli
func.func @tree(%x: !quant.uniform<i8:f32, 1.0>) -> !quant.uniform<i8:f32, 1.0> {
  %y = pwl.apply #pwl.fn<gelu> %x
      table #pwl.table<i8, breakpoints = [-9, 0, 9], slopes = [1, 2, 3, 4], intercepts = [0, 0, 0, 0]>
      : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return %y : !quant.uniform<i8:f32, 1.0>
}
