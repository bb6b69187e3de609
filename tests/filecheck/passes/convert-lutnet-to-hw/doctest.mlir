// RUN: lut-opt %s --convert-lutnet-to-hw | filecheck %s
// RUN: lut-opt %s --convert-lutnet-to-hw | lut-opt | filecheck %s
// RUN: lut-opt %s --convert-lutnet-to-hw="pipeline=1 interface=stream" | filecheck %s --check-prefix=STREAM

!q = !quant.uniform<i8:f32, 1.0>

// CHECK: hw.module @lutnet_1x2_1_1(in %x: i8, out y: i8)
// CHECK-SAME: pwl.unit = #lutnet.unit<latency = 0, operand = !quant.uniform<i8:f32, 1.000000e+00>, thresholds = #lutnet.thresholds<{{\[\[}}-3, 4]]>, layers = [#lutnet.luts<connections = {{\[\[}}0, 1]], tables = [0x2]>], weights = #lutnet.weights<{{\[\[}}5]], bias = [1], shift = 1>, result = !quant
// CHECK: comb.icmp sgt
// CHECK: comb.icmp sgt
// CHECK: "hw.wire"(%{{.*}}) <{name = "bits"}> : (i2) -> i2
// CHECK: "hw.wire"(%{{.*}}) <{name = "layer0"}> : (i1) -> i1
// CHECK: comb.mux
// CHECK: "hw.wire"(%{{.*}}) <{name = "s0_0_0"}>
// CHECK-NOT: lutnet.encode

// STREAM: hw.module @lutnet_1x2_1_1(in %clock: !seq.clock, in %reset: i1, in %x: i8, out y: i8)
// STREAM: hw.module @lutnet_1x2_1_1_stream(
// STREAM-SAME: pwl.unit = #pwl.stream_unit<@lutnet_1x2_1_1>
func.func @main(%x: tensor<64x1x!q>) -> tensor<64x1x!q> {
  %b = lutnet.encode %x thresholds <[[-3, 4]]> : tensor<64x1x!q> -> tensor<64x2xi1>
  %c = lutnet.layer %b luts <connections = [[0, 1]], tables = [0x2]> : tensor<64x2xi1> -> tensor<64x1xi1>
  %y = lutnet.sum %c weights <[[5]], bias = [1], shift = 1> : tensor<64x1xi1> -> tensor<64x1x!q>
  return %y : tensor<64x1x!q>
}
