// RUN: not lut-opt %s --convert-lutnet-to-arith="layout=words" 2>&1 | filecheck %s
// RUN: not lut-opt %s --convert-pwl-to-arith 2>&1 | filecheck %s --check-prefix=ORDER
// RUN: not lut-opt %s --convert-lutnet-to-arith="layout=bytes" 2>&1 | filecheck %s --check-prefix=OPTION

// CHECK: invalid.mlir:9:3: error: [convert-lutnet-to-arith] layout=words needs a known number of tokens, got tensor<?x2xi1>
// ORDER: invalid.mlir:9:3: error: [convert-pwl-to-arith] lutnet.layer is of another dialect: run --convert-lutnet-to-arith first
// OPTION: option 'layout' takes auto|gather|words, got 'bytes'
func.func @main(%b: tensor<?x2xi1>) -> tensor<?x1xi1> {
  %c = lutnet.layer %b luts <connections = [[0, 1]], tables = [0x6]> : tensor<?x2xi1> -> tensor<?x1xi1>
  return %c : tensor<?x1xi1>
}
