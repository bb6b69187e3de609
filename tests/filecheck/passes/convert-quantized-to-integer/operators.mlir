// RUN: lut-opt %s --convert-quantized-to-integer="float=error" | filecheck %s

// A residual: one rounding of both addends.
// CHECK-LABEL: func.func @residual
// CHECK:     linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<2x4xi8>, tensor<2x4xi8>) outs(%{{.*}} : tensor<2x4xi8>)
// CHECK:     arith.extsi
// CHECK:     arith.extsi
// CHECK:     arith.addi
// CHECK-NOT: arith.muli
// CHECK:     func.return
func.func @residual(%q0: !torch.vtensor<[2,4],si8>, %q1: !torch.vtensor<[2,4],si8>) -> !torch.vtensor<[2,4],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %x1 = torch.quantized_decomposed.dequantize_per_tensor %q1, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %y = torch.aten.add.Tensor %x0, %x1, %int8 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  func.return %r : !torch.vtensor<[2,4],si8>
}

// A constant factor and moves: the scale takes the factor, and the integers stay what they are.
// CHECK-LABEL: func.func @moved
// CHECK-NEXT: torch.constant
// CHECK:      torch.aten.permute %q0, %{{.*}} : !torch.vtensor<[2,4],si8>, !torch.list<int> -> !torch.vtensor<[4,2],si8>
// CHECK:      torch.aten.view
// CHECK:      arith.constant 1 : i32
// CHECK-NOT:  arith.muli
// CHECK:      func.return
func.func @moved(%q0: !torch.vtensor<[2,4],si8>) -> !torch.vtensor<[8],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %two = torch.constant.float 2.5e-01
  %a = torch.constant.int 0
  %order = torch.prim.ListConstruct %int8, %a : (!torch.int, !torch.int) -> !torch.list<int>
  %p = torch.aten.permute %x0, %order : !torch.vtensor<[2,4],f32>, !torch.list<int> -> !torch.vtensor<[4,2],f32>
  %eight = torch.constant.int 8
  %flat = torch.prim.ListConstruct %eight : (!torch.int) -> !torch.list<int>
  %v = torch.aten.view %p, %flat : !torch.vtensor<[4,2],f32>, !torch.list<int> -> !torch.vtensor<[8],f32>
  %y = torch.aten.mul.Scalar %v, %two : !torch.vtensor<[8],f32>, !torch.float -> !torch.vtensor<[8],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[8],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[8],si8>
  func.return %r : !torch.vtensor<[8],si8>
}

// A mean: a sum in 32 bits, its divisor in the scale (3 is no power of two: a multiplier).
// CHECK-LABEL: func.func @mean
// CHECK:     linalg.generic {{.*}}"reduction"{{.*}} outs(%{{.*}} : tensor<2x1xi32>)
// CHECK:     torch.aten.view
// CHECK:     arith.constant 1431655765 : i64
// CHECK:     func.return
func.func @mean(%q0: !torch.vtensor<[2,3],si8>) -> !torch.vtensor<[2],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2,3],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,3],f32>
  %last = torch.constant.int -1
  %false = torch.constant.bool false
  %axes = torch.prim.ListConstruct %last : (!torch.int) -> !torch.list<int>
  %y = torch.aten.mean.dim %x0, %axes, %false, %none : !torch.vtensor<[2,3],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[2],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[2],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2],si8>
  func.return %r : !torch.vtensor<[2],si8>
}

// Two values, multiplied; a ReLU is a lower bound of integers.
// CHECK-LABEL: func.func @product
// CHECK:     arith.maxsi
// CHECK:     arith.muli %{{.*}} : i32
// CHECK:     func.return
func.func @product(%q0: !torch.vtensor<[2,4],si8>, %q1: !torch.vtensor<[2,4],si8>) -> !torch.vtensor<[2,4],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %x1 = torch.quantized_decomposed.dequantize_per_tensor %q1, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %p = torch.aten.relu %x0 : !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  %y = torch.aten.mul.Tensor %p, %x1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32> -> !torch.vtensor<[2,4],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  func.return %r : !torch.vtensor<[2,4],si8>
}

// Rows of a table of integers.
// CHECK-LABEL: func.func @rows
// CHECK:     torch.aten.embedding %q0, %{{.*}} : !torch.vtensor<[5,4],si8>, !torch.vtensor<[2],si64>, {{.*}} -> !torch.vtensor<[2,4],si8>
// CHECK-NOT: linalg
// CHECK:     func.return
func.func @rows(%q0: !torch.vtensor<[5,4],si8>) -> !torch.vtensor<[2,4],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[5,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[5,4],f32>
  %ids = torch.vtensor.literal(dense<[3, 1]> : tensor<2xsi64>) : !torch.vtensor<[2],si64>
  %pad = torch.constant.int -1
  %false = torch.constant.bool false
  %y = torch.aten.embedding %x0, %ids, %pad, %false, %false : !torch.vtensor<[5,4],f32>, !torch.vtensor<[2],si64>, !torch.int, !torch.bool, !torch.bool -> !torch.vtensor<[2,4],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  func.return %r : !torch.vtensor<[2,4],si8>
}

// A padded convolution of values with a zero point: its padding is the integer of 0.
// CHECK-LABEL: func.func @convolution
// CHECK:     %[[edge:.*]] = torch.constant.int 3
// CHECK:     torch.aten.constant_pad_nd %q0, %{{.*}}, %[[edge]] : !torch.vtensor<[1,2,4,4],si8>
// CHECK:     linalg.generic {{.*}}"reduction", "reduction", "reduction"{{.*}} outs(%{{.*}} : tensor<1x1x1x4x4xi32>)
// CHECK:     func.return
func.func @convolution(%q0: !torch.vtensor<[1,2,4,4],si8>, %q1: !torch.vtensor<[1,2,3,3],si8>) -> !torch.vtensor<[1,1,4,4],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 3
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[1,2,4,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[1,2,4,4],f32>
  %x1 = torch.quantized_decomposed.dequantize_per_tensor %q1, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[1,2,3,3],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[1,2,3,3],f32>
  %l = torch.prim.ListConstruct %int8, %int8 : (!torch.int, !torch.int) -> !torch.list<int>
  %nothing = torch.prim.ListConstruct  : () -> !torch.list<int>
  %false = torch.constant.bool false
  %y = torch.aten.convolution %x0, %x1, %none, %l, %l, %l, %false, %nothing, %int8 : !torch.vtensor<[1,2,4,4],f32>, !torch.vtensor<[1,2,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[1,1,4,4],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[1,1,4,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[1,1,4,4],si8>
  func.return %r : !torch.vtensor<[1,1,4,4],si8>
}

// Twice the size: each axis sums its neighbours with weights 1 and 3, the divisor 16 is in the scale.
// CHECK-LABEL: func.func @upsampled
// CHECK-COUNT-2: torch.aten.index_select
// CHECK:         arith.muli
// CHECK-COUNT-2: torch.aten.index_select
// CHECK:         arith.constant 4 : i32
// CHECK:         func.return
func.func @upsampled(%q0: !torch.vtensor<[1,1,2,2],si8>) -> !torch.vtensor<[1,1,4,4],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[1,1,2,2],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[1,1,2,2],f32>
  %false = torch.constant.bool false
  %two = torch.constant.float 2.0
  %factors = torch.prim.ListConstruct %two, %two : (!torch.float, !torch.float) -> !torch.list<float>
  %y = torch.aten.upsample_bilinear2d.vec %x0, %none, %false, %factors : !torch.vtensor<[1,1,2,2],f32>, !torch.none, !torch.bool, !torch.list<float> -> !torch.vtensor<[1,1,4,4],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[1,1,4,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[1,1,4,4],si8>
  func.return %r : !torch.vtensor<[1,1,4,4],si8>
}

// A mask of -inf adds what saturates.
// CHECK-LABEL: func.func @masked
// CHECK:     arith.extui %{{.*}} : i1 to i32
// CHECK:     func.return
func.func @masked(%q0: !torch.vtensor<[2,4],si8>) -> !torch.vtensor<[2,4],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %keep = torch.vtensor.literal(dense<[[1, 0, 1, 1]]> : tensor<1x4xi1>) : !torch.vtensor<[1,4],i1>
  %nothing = torch.vtensor.literal(dense<0.0> : tensor<f32>) : !torch.vtensor<[],f32>
  %never = torch.vtensor.literal(dense<0xFF800000> : tensor<f32>) : !torch.vtensor<[],f32>
  %mask = torch.aten.where.self %keep, %nothing, %never : !torch.vtensor<[1,4],i1>, !torch.vtensor<[],f32>, !torch.vtensor<[],f32> -> !torch.vtensor<[1,4],f32>
  %y = torch.aten.add.Tensor %x0, %mask, %int8 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[1,4],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[2,4],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[2,4],si8>
  func.return %r : !torch.vtensor<[2,4],si8>
}

// A result that nobody quantized is dequantized after its sums.
// CHECK-LABEL: func.func @open
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<2x2xi32>)
// CHECK: arith.sitofp
// CHECK: arith.mulf
// CHECK: func.return
func.func @open(%q0: !torch.vtensor<[2,4],si8>, %q1: !torch.vtensor<[4,2],si8>) -> !torch.vtensor<[2,2],f32> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[2,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[2,4],f32>
  %x1 = torch.quantized_decomposed.dequantize_per_tensor %q1, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[4,2],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,2],f32>
  %y = torch.aten.mm %x0, %x1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[4,2],f32> -> !torch.vtensor<[2,2],f32>
  func.return %y : !torch.vtensor<[2,2],f32>
}

// A batch whose size only a run knows.
// CHECK-LABEL: func.func @batch
// CHECK: tensor.dim
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<?x2xi32>)
// CHECK: tensor.dim
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<?x2xi8>)
func.func @batch(%q0: !torch.vtensor<[?,4],si8>, %q1: !torch.vtensor<[4,2],si8>) -> !torch.vtensor<[?,2],si8> {
  %scale = torch.constant.float 5.0e-01
  %zero = torch.constant.int 0
  %low = torch.constant.int -128
  %high = torch.constant.int 127
  %int8 = torch.constant.int 1
  %none = torch.constant.none
  %x0 = torch.quantized_decomposed.dequantize_per_tensor %q0, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[?,4],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[?,4],f32>
  %x1 = torch.quantized_decomposed.dequantize_per_tensor %q1, %scale, %zero, %low, %high, %int8, %none : !torch.vtensor<[4,2],si8>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int, !torch.none -> !torch.vtensor<[4,2],f32>
  %y = torch.aten.mm %x0, %x1 : !torch.vtensor<[?,4],f32>, !torch.vtensor<[4,2],f32> -> !torch.vtensor<[?,2],f32>
  %r = torch.quantized_decomposed.quantize_per_tensor %y, %scale, %zero, %low, %high, %int8 : !torch.vtensor<[?,2],f32>, !torch.float, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[?,2],si8>
  func.return %r : !torch.vtensor<[?,2],si8>
}
