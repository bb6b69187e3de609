// RUN: lut-opt %s | lut-opt | filecheck %s
// RUN: not lut-opt %s --print-op-generic 2>&1 | filecheck %s --check-prefix=GENERIC

// TOSA as its tools print it: read, and printed the same.

// GENERIC: error: tosa.const_shape was read in its own syntax and has no generic form here

func.func @tosa(%x: tensor<2x8xf32>, %im: tensor<1x8x8x2xf32>, %q: tensor<4xi8>) -> tensor<2x8xf32> {
  // CHECK: "tosa.const"() <{values = dense<2.000000e+00> : tensor<1x1xf32>}> : () -> tensor<1x1xf32>
  %c = "tosa.const"() <{values = dense<2.000000e+00> : tensor<1x1xf32>}> : () -> tensor<1x1xf32>
  // CHECK: "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %z = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  // CHECK: tosa.const_shape {values = dense<[1, 2, 8]> : tensor<3xindex>} : () -> !tosa.shape<3>
  %s = tosa.const_shape {values = dense<[1, 2, 8]> : tensor<3xindex>} : () -> !tosa.shape<3>
  // CHECK: tosa.tanh %{{[^ ,)]+}} {pwl.range = {{.*}}} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %0 = tosa.tanh %x {pwl.range = [-4.0, 4.0]} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK: tosa.mul %{{[^ ,)]+}}, %{{[^ ,)]+}}, %{{[^ ,)]+}} : (tensor<2x8xf32>, tensor<1x1xf32>, tensor<1xi8>) -> tensor<2x8xf32>
  %1 = tosa.mul %0, %c, %z : (tensor<2x8xf32>, tensor<1x1xf32>, tensor<1xi8>) -> tensor<2x8xf32>
  // CHECK: tosa.reshape %{{[^ ,)]+}}, %{{[^ ,)]+}} : (tensor<2x8xf32>, !tosa.shape<3>) -> tensor<1x2x8xf32>
  %2 = tosa.reshape %1, %s : (tensor<2x8xf32>, !tosa.shape<3>) -> tensor<1x2x8xf32>
  // CHECK: tosa.reduce_max %{{[^ ,)]+}} {axis = 1 : i32, nan_mode = IGNORE} : (tensor<1x2x8xf32>) -> tensor<1x1x8xf32>
  %3 = tosa.reduce_max %2 {axis = 1 : i32, nan_mode = IGNORE} : (tensor<1x2x8xf32>) -> tensor<1x1x8xf32>
  // CHECK: tosa.transpose %{{[^ ,)]+}} {perms = array<i32: 0, 3, 1, 2>} : (tensor<1x8x8x2xf32>) -> tensor<1x2x8x8xf32>
  %4 = tosa.transpose %im {perms = array<i32: 0, 3, 1, 2>} : (tensor<1x8x8x2xf32>) -> tensor<1x2x8x8xf32>
  // CHECK: "tosa.const"() <{values = dense<1073741824> : tensor<1xi32>}> : () -> tensor<1xi32>
  %m = "tosa.const"() <{values = dense<1073741824> : tensor<1xi32>}> : () -> tensor<1xi32>
  // CHECK: "tosa.const"() <{values = dense<30> : tensor<1xi8>}> : () -> tensor<1xi8>
  %h = "tosa.const"() <{values = dense<30> : tensor<1xi8>}> : () -> tensor<1xi8>
  // CHECK: tosa.rescale %{{[^ ,)]+}}, %{{[^ ,)]+}}, %{{[^ ,)]+}}, %{{[^ ,)]+}}, %{{[^ ,)]+}} {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = true} : (tensor<4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<4xi8>
  %5 = tosa.rescale %q, %m, %h, %z, %z {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = true} : (tensor<4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<4xi8>
  // CHECK: "tosa.const"() <{values = dense<0> : tensor<256xi8>}> : () -> tensor<256xi8>
  %t = "tosa.const"() <{values = dense<0> : tensor<256xi8>}> : () -> tensor<256xi8>
  // CHECK: tosa.table %{{[^ ,)]+}}, %{{[^ ,)]+}} : (tensor<4xi8>, tensor<256xi8>) -> tensor<4xi8>
  %6 = tosa.table %q, %t : (tensor<4xi8>, tensor<256xi8>) -> tensor<4xi8>
  // CHECK: tosa.clamp %{{[^ ,)]+}} {max_val = 1.000000e+00 : f32, min_val = -1.000000e+00 : f32} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %7 = tosa.clamp %1 {max_val = 1.000000e+00 : f32, min_val = -1.000000e+00 : f32} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  func.return %7 : tensor<2x8xf32>
}
