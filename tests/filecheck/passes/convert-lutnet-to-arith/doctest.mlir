// RUN: lut-opt %s --convert-lutnet-to-arith | filecheck %s
// RUN: lut-opt %s --convert-lutnet-to-arith="layout=gather" | filecheck %s --check-prefix=GATHER
// RUN: lut-opt %s --convert-lutnet-to-arith --convert-pwl-to-arith | filecheck %s --check-prefix=BOTH

!q = !quant.uniform<i8:f32, 1.0>

// In words of 64 tokens a table is a tree of multiplexers; the quantized types stay at the ends.

// CHECK-LABEL: @main
// CHECK: quant.scast %{{.*}} : tensor<64x1x!quant.uniform<i8:f32, 1.000000e+00>> to tensor<64x1xi8>
// CHECK: -> tensor<2x1xi64>
// CHECK: arith.shli
// CHECK: arith.shrsi
// CHECK: arith.xori
// CHECK-NEXT: arith.andi
// CHECK-NEXT: arith.xori
// CHECK: quant.scast %{{.*}} : tensor<64x1xi8> to tensor<64x1x!quant
// CHECK-NOT: lutnet

// GATHER-LABEL: @main
// GATHER: tensor.extract %{{.*}}[{{.*}}] : tensor<64x2xi1>
// GATHER: arith.shrui
// GATHER-NOT: lutnet

// BOTH: func.func @main(%x: tensor<64x1xi8>) -> tensor<64x1xi8>
// BOTH-NOT: quant
func.func @main(%x: tensor<64x1x!q>) -> tensor<64x1x!q> {
  %b = lutnet.encode %x thresholds <[[-3, 4]]> : tensor<64x1x!q> -> tensor<64x2xi1>
  %c = lutnet.layer %b luts <connections = [[0, 1]], tables = [0x6]> : tensor<64x2xi1> -> tensor<64x1xi1>
  %y = lutnet.popcount %c : tensor<64x1xi1> -> tensor<64x1x!q>
  return %y : tensor<64x1x!q>
}
