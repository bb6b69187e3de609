// RUN: lut-opt %s --convert-pwl-to-arith | filecheck %s
// RUN: lut-opt %s --convert-pwl-to-arith="select=direct" | filecheck %s --check-prefix DIRECT

// The example of the pass's documentation.

// CHECK-LABEL: func.func @doc(%x: i8) -> i8 {
func.func @doc(%x: !quant.uniform<i8:f32, 1.0>) -> !quant.uniform<i8:f32, 1.0> {
  // CHECK-DAG:  %[[k0:.*]] = arith.constant 1 : i8
  // CHECK-DAG:  %[[k1:.*]] = arith.constant 2 : i8
  // CHECK:      %[[at:.*]] = arith.cmpi sge, %x, %{{.*}} : i8
  // CHECK:      %[[k:.*]] = arith.select %[[at]], %{{.*}}, %{{.*}} : i8
  // CHECK:      arith.muli
  // CHECK:      arith.addi
  // CHECK:      arith.shrsi
  // CHECK:      %[[y:.*]] = arith.trunci %{{.*}} : i16 to i8
  // CHECK-NEXT: func.return %[[y]] : i8
  // DIRECT:      %[[all:.*]] = arith.constant dense<{{.*}}> : tensor<256xi8>
  // DIRECT-NEXT: %[[w:.*]] = arith.extui %x : i8 to i16
  // DIRECT-NEXT: %[[i:.*]] = arith.index_cast %[[w]] : i16 to index
  // DIRECT-NEXT: tensor.extract %[[all]][%[[i]]] : tensor<256xi8>
  %y = pwl.apply #pwl.fn<leaky_relu, 5.0e-01> %x
      table #pwl.table<i8, breakpoints = [0], slopes = [1, 2], intercepts = [0, 0], result_shift = 1>
      : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return %y : !quant.uniform<i8:f32, 1.0>
}
