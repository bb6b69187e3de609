// RUN: lut-opt %s --convert-pwl-to-arith --canonicalize | filecheck %s

// CHECK-LABEL: func.func @tensor(%x: tensor<2x?xi8>) -> tensor<2x?xi8>
// CHECK:      %[[d:.*]] = tensor.dim %x
// CHECK:      %[[e:.*]] = tensor.empty(%[[d]]) : tensor<2x?xi8>
// CHECK:      linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2x?xi8>) outs(%[[e]] : tensor<2x?xi8>)
// CHECK:      arith.cmpi sge
func.func @tensor(%x: tensor<2x?x!quant.uniform<i8:f32, 1.0>>) -> tensor<2x?x!quant.uniform<i8:f32, 1.0>> {
  %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [0], slopes = [0, 1], intercepts = [0, 0]> : tensor<2x?x!quant.uniform<i8:f32, 1.0>> -> tensor<2x?x!quant.uniform<i8:f32, 1.0>>
  func.return %y : tensor<2x?x!quant.uniform<i8:f32, 1.0>>
}

// A tensor of rank 0 is a generic without loops; an empty one loops never.

// CHECK-LABEL: func.func @rank0(%x: tensor<i8>) -> tensor<i8>
// CHECK: linalg.generic {{.*}}iterator_types = []} ins(%x : tensor<i8>)
func.func @rank0(%x: tensor<!quant.uniform<i8:f32, 1.0>>) -> tensor<!quant.uniform<i8:f32, 1.0>> {
  %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [0], slopes = [0, 1], intercepts = [0, 0]> : tensor<!quant.uniform<i8:f32, 1.0>> -> tensor<!quant.uniform<i8:f32, 1.0>>
  func.return %y : tensor<!quant.uniform<i8:f32, 1.0>>
}

// CHECK-LABEL: func.func @memref(%x: memref<4x?xi8>, %y: memref<4x?xi16>)
// CHECK:      memref.dim %x
// CHECK:      scf.for
// CHECK:        scf.for
// CHECK:          memref.load %x
// CHECK:          memref.store %{{.*}}, %y
func.func @memref(%x: memref<4x?x!quant.uniform<i8:f32, 1.0>>, %y: memref<4x?x!quant.uniform<i16:f32, 1.0>>) {
  pwl.apply #pwl.fn<gelu> %x into %y table #pwl.table<i8, breakpoints = [0], slopes = [0, 1], intercepts = [0, 0]> : memref<4x?x!quant.uniform<i8:f32, 1.0>>, memref<4x?x!quant.uniform<i16:f32, 1.0>>
  func.return
}

// CHECK-LABEL: func.func @vector(%x: vector<2xi8>) -> vector<2xi8>
// CHECK: vector.extract %x[0]
// CHECK: vector.insert
// CHECK: vector.extract %x[1]
func.func @vector(%x: vector<2x!quant.uniform<i8:f32, 1.0>>) -> vector<2x!quant.uniform<i8:f32, 1.0>> {
  %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [0], slopes = [0, 1], intercepts = [0, 0]> : vector<2x!quant.uniform<i8:f32, 1.0>> -> vector<2x!quant.uniform<i8:f32, 1.0>>
  func.return %y : vector<2x!quant.uniform<i8:f32, 1.0>>
}

// Unsigned inputs compare and widen unsigned; casts round to nearest even and saturate.

// CHECK-LABEL: func.func @unsigned(%x: f32) -> f32
// CHECK: math.roundeven
// CHECK: arith.cmpf ogt
// CHECK: arith.select
// CHECK: arith.cmpf olt
// CHECK: arith.select
// CHECK: arith.fptosi
// CHECK: arith.cmpi uge
// CHECK: arith.extui
// CHECK: arith.sitofp
func.func @unsigned(%x: f32) -> f32 {
  %q = quant.qcast %x : f32 to !quant.uniform<u8<1:255>:f32, 1.0>
  %y = pwl.apply #pwl.fn<log> %q table #pwl.table<i8, breakpoints = [9], slopes = [1, 1], intercepts = [0, 2]> : !quant.uniform<u8<1:255>:f32, 1.0> -> !quant.uniform<u8:f32, 1.0>
  %r = quant.dcast %y : !quant.uniform<u8:f32, 1.0> to f32
  func.return %r : f32
}

// Without a rank, stored integers are stored integers all the same.

// CHECK-LABEL: func.func @no_rank(%x: tensor<*xi8>) -> tensor<*xi8>
// CHECK-NEXT: func.return %x : tensor<*xi8>
func.func @no_rank(%x: tensor<*x!quant.uniform<i8:f32, 1.0>>) -> tensor<*xi8> {
  %0 = quant.scast %x : tensor<*x!quant.uniform<i8:f32, 1.0>> to tensor<*xi8>
  func.return %0 : tensor<*xi8>
}
