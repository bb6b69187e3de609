// RUN: lut-opt %s --pwl-search="entries=6 symmetry=odd strategy=optimal population=20" -o %t.mlir
// RUN: filecheck %s --input-file %t.mlir
// RUN: sed -e 's/request = {.*}}>/request = "entries=6 symmetry=odd strategy=optimal population=20">/' %t.mlir > %t.text.mlir
// RUN: lut-opt %t.text.mlir --verify-pwl | filecheck %s --check-prefix TEXT
// RUN: lut-opt %t.mlir -t json | filecheck %s --check-prefix JSON
// RUN: sed -e 's/symmetry = /mirror = /' %t.mlir > %t.renamed.mlir
// RUN: not lut-opt %t.renamed.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix RENAMED
// RUN: sed -e 's/symmetry = "odd"/symmetry = "strange"/' %t.mlir > %t.value.mlir
// RUN: not lut-opt %t.value.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix VALUE
// RUN: sed -e 's/symmetry = "odd"/symmetry = i8/' %t.mlir > %t.type.mlir
// RUN: not lut-opt %t.type.mlir 2>&1 | filecheck %s --check-prefix TYPE
// RUN: sed -e 's/request = {.*}}>/request = "symmetry">/' %t.mlir > %t.word.mlir
// RUN: not lut-opt %t.word.mlir 2>&1 | filecheck %s --check-prefix WORD
// RUN: sed -e 's/, request = /, exponent_bits = 2, request = /' %t.mlir > %t.half.mlir
// RUN: not lut-opt %t.half.mlir 2>&1 | filecheck %s --check-prefix HALF

// What was asked for is data; how the table was looked for need not be known.
// CHECK: request = {strategy = "optimal", entries = 6 : i64, symmetry = "odd", config = {population = 20 : i64}}>
// TEXT: request = {entries = 6 : i64, symmetry = "odd", strategy = "optimal", population = 20 : i64}>
// JSON: "request": "strategy=optimal entries=6 symmetry=odd population=20",
// RENAMED: error: [verify-pwl] the certificate was asked for 'mirror', which is no option of pwl-search (any more), so that it cannot be checked: search the table again
// VALUE: error: [verify-pwl] option 'symmetry' takes none|odd|even|relu, got 'strange'
// TYPE: error: {{.*}}symmetry of the request must be an integer, a float, a string, a boolean or an array of integers, not i8
// WORD: error: {{.*}}'symmetry' of the request is no option: expected name=value
// HALF: error: {{.*}}exponent_bits and mantissa_bits are one format: give both

func.func @tanh(%x: !quant.uniform<i8:f32, 6.250000e-02>) -> !quant.uniform<i8:f32, 7.812500e-03> {
  %0 = pwl.apply #pwl.fn<tanh> %x : !quant.uniform<i8:f32, 6.250000e-02> -> !quant.uniform<i8:f32, 7.812500e-03>
  func.return %0 : !quant.uniform<i8:f32, 7.812500e-03>
}
