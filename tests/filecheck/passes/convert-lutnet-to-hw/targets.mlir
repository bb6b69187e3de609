// REQUIRES: circt, yosys
// RUN: lut-opt %s --convert-lutnet-to-hw --prove -t report 2>&1 | filecheck %s
// RUN: lut-opt %s --convert-lutnet-to-hw -t systemverilog | filecheck %s --check-prefix=SV

!q = !quant.uniform<i8:f32, 1.0>

// CHECK: lutnet_1x2_1_1: proved by parts, each for all its inputs: 2 thresholds, 1 LUTs, 1 nodes of sums, 1 results
// CHECK: lutnet_1x2_1_1: weightless block: 1 features, 2 thresholds, 1 LUTs, 1 results, latency 0
// CHECK: critical path

// SV: wire [1:0] bits = {$signed(x) > 8'sh4, $signed(x) > -8'sh3};
// SV: layer0
func.func @main(%x: tensor<64x1x!q>) -> tensor<64x1x!q> {
  %b = lutnet.encode %x thresholds <[[-3, 4]]> : tensor<64x1x!q> -> tensor<64x2xi1>
  %c = lutnet.layer %b luts <connections = [[0, 1]], tables = [0x2]> : tensor<64x2xi1> -> tensor<64x1xi1>
  %y = lutnet.sum %c weights <[[5]], bias = [1], shift = 0> : tensor<64x1xi1> -> tensor<64x1x!q>
  return %y : tensor<64x1x!q>
}
