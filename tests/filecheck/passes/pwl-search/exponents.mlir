// RUN: lut-opt %s --pwl-search="param-bits=7 exponent-bits=2" -o %t.mlir
// RUN: filecheck %s --input-file %t.mlir
// RUN: lut-opt %t.mlir --verify-pwl -t json | filecheck %s --check-prefix JSON
// RUN: lut-opt %s --pwl-search -t json | filecheck %s --check-prefix NONE
// RUN: sed -e '/i10/s/slopes = \[[0-9]*,/slopes = [511,/' %t.mlir > %t.broken.mlir
// RUN: not lut-opt %t.broken.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix BROKEN
// RUN: not lut-opt %t.broken.mlir -t json 2>&1 | filecheck %s --check-prefix BROKEN
// RUN: sed -e 's/exponent_bits = 2, mantissa_bits = 7/exponent_bits = 3, mantissa_bits = 7/' %t.mlir > %t.format.mlir
// RUN: not lut-opt %t.format.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix FORMAT
// RUN: sed -e 's/ exponent_bits = 2, mantissa_bits = 7,//' %t.mlir > %t.plain.mlir
// RUN: not lut-opt %t.plain.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix PLAIN
// RUN: not lut-opt %s --pwl-search="exponent-bits=4" 2>&1 | filecheck %s --check-prefix FOUR
// RUN: not lut-opt %s --pwl-search="exponent-bits=1 strategy=genetic" 2>&1 | filecheck %s --check-prefix GENETIC
// RUN: not lut-opt %s --pwl-search="exponent-bits=1 metric=max" 2>&1 | filecheck %s --check-prefix MAX
// RUN: not lut-opt %s --pwl-search="exponent-bits=1 mse=1e-4" 2>&1 | filecheck %s --check-prefix BUDGET
// RUN: not lut-opt %s --pwl-search="exponent-bits=3 param-bits=26" 2>&1 | filecheck %s --check-prefix WIDE

// Mantissas of 7 bits, four units an octave apart: the table is three bits wider, its optimum that
// of the format. Tables of units have no exponents.

// CHECK: pwl.apply #pwl.fn<exp> {{.*}} table #pwl.table<i10, {{.*}}> fit #pwl.fit<optimal, {{.*}}, mse = [[MSE:[0-9.e+-]+]], max_error = {{.*}}, optimal_mse = [[MSE]], snr = {{.*}}, exponent_bits = 2, mantissa_bits = 7, request = {param_bits = 7 : i64, exponent_bits = 2 : i64}>
// CHECK: pwl.softmax {{.*}}#pwl.table<i7,
// JSON: "exponents": [{{[0-3](, [0-3])+}}],
// JSON: "exponents": null,
// NONE: "exponents": null,
// BROKEN: exponents.mlir{{.*}}error: {{.*}}entry 0, slope 511 and intercept {{-?[0-9]+}}, has no common exponent of 0 … 3 that leaves integers of i7 and i7
// FORMAT: error: [verify-pwl] i7 mantissas and 3 exponent bits make a table of i14, not i10
// PLAIN: error: [verify-pwl] the certificate of exp states optimal_mse =
// FOUR: lut-opt: error: --pwl-search: exponent-bits must be between 0 and 3, not 4
// GENETIC: strategy=genetic takes no exponent-bits: use optimal
// MAX: metric=max takes no exponent-bits: use metric=mse
// BUDGET: exponent-bits takes no constraints, no budget and no pareto
// WIDE: exponent-bits=3 needs param-bits and intercept-bits of at most 25

func.func @exp(%x: !quant.uniform<i8<-128:0>:f32, 6.250000e-02>) -> !quant.uniform<u8:f32, 3.906250e-03> {
  %0 = pwl.apply #pwl.fn<exp> %x : !quant.uniform<i8<-128:0>:f32, 6.250000e-02> -> !quant.uniform<u8:f32, 3.906250e-03>
  func.return %0 : !quant.uniform<u8:f32, 3.906250e-03>
}

func.func @softmax(%x: tensor<2x8x!quant.uniform<i8:f32, 6.250000e-02>>) {
  %0 = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x8x!quant.uniform<i8:f32, 6.250000e-02>> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}
