// RUN: lut-opt %s -t json | filecheck %s --check-prefix=JSON
// RUN: lut-opt %s -t report | filecheck %s --check-prefix=REPORT
// RUN: lut-opt %s -t html | filecheck %s --check-prefix=HTML

// A read-out stands for its block: the encoder, the layers, and what it does with their bits.

!q = !quant.uniform<i8:f32, 6.250000e-02>
!count = !quant.uniform<u8:f32, 1.250000e-01:1>

func.func @two(%x: tensor<4x2x!q>, %bits: tensor<4x3xi1>) -> (tensor<4x2x!q>, tensor<4x1x!count>) {
  %b = lutnet.encode %x thresholds <[[-3, 0, 5], [7]]> : tensor<4x2x!q> -> tensor<4x4xi1>
  %c = lutnet.layer %b luts <connections = [[0, 3], [2], []], tables = [0x8, 0x1, 0x1]> : tensor<4x4xi1> -> tensor<4x3xi1>
  %y = lutnet.sum %c weights <[[3, -1, 0], [2, -5, 1]], bias = [0, 64], shift = 4> : tensor<4x3xi1> -> tensor<4x2x!q>
  %p = lutnet.popcount %bits : tensor<4x3xi1> -> tensor<4x1x!count>
  return %y, %p : tensor<4x2x!q>, tensor<4x1x!count>
}

// JSON:       "unit": "network",
// JSON-NEXT:  "location": "{{.*}}lutnet.mlir:13:3",
// JSON-NEXT:  "operand": {
// JSON-NEXT:    "bits": 8,
// JSON:       "result": {
// JSON:       "thresholds": [
// JSON-NEXT:    [-3, 0, 5],
// JSON-NEXT:    [7]
// JSON:       "layers": [
// JSON:           "connections": [
// JSON-NEXT:        [0, 3],
// JSON-NEXT:        [2],
// JSON-NEXT:        []
// JSON:           "tables": [
// JSON-NEXT:        "0x8",
// JSON-NEXT:        "0x1",
// JSON-NEXT:        "0x1"
// JSON:       "weights": [
// JSON-NEXT:    [3, -1, 0],
// JSON-NEXT:    [2, -5, 1]
// JSON-NEXT:  ],
// JSON-NEXT:  "weighed_bits": null,
// JSON-NEXT:  "bias": [0, 64],
// JSON-NEXT:  "shift": 4
// JSON:       "unit": "network",
// JSON-NEXT:  "location": "{{.*}}lutnet.mlir:14:3",
// JSON-NEXT:  "operand": null,
// JSON:       "thresholds": null,
// JSON-NEXT:  "layers": [],
// JSON-NEXT:  "weights": [
// JSON-NEXT:    [1, 1, 1]
// JSON-NEXT:  ],
// JSON-NEXT:  "weighed_bits": [
// JSON-NEXT:    [0, 1, 2]
// JSON-NEXT:  ],

// REPORT:      weightless blocks
// REPORT-NEXT:    1 weightless block: 2 features, 4 thresholds, 3 LUTs, 2 results (lutnet.sum)
// REPORT-NEXT:      {{.*}}lutnet.mlir:13:3
// REPORT-NEXT:    1 weightless block: 0 LUTs, 1 results (lutnet.popcount)
// REPORT-NOT:  no table and no unit

// HTML: Weightless blocks
// HTML: 2 features, 4 thresholds, 3 LUTs, 2 results
