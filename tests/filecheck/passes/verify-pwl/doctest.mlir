// RUN: lut-opt %s --pwl-search -o %t.mlir
// RUN: lut-opt %t.mlir --verify-pwl | diff %t.mlir -
// RUN: sed -e 's/ mse = [0-9.e+-]*,/ mse = 1.000000e-06,/' %t.mlir > %t.mse.mlir
// RUN: not lut-opt %t.mse.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix MSE
// RUN: sed -e 's/intercept_shift = [0-9]*/intercept_shift = 0/' %t.mlir > %t.shift.mlir
// RUN: not lut-opt %t.shift.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix SHIFT
// RUN: sed -e 's/optimal_mse = [0-9.e+-]*,/optimal_mse = 1.000000e-09,/' %t.mlir > %t.optimum.mlir
// RUN: not lut-opt %t.optimum.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix OPTIMUM
// RUN: sed -e 's/ snr = [0-9.e+-]*>/ snr = 5.000000e+01>/' %t.mlir > %t.signal.mlir
// RUN: not lut-opt %t.signal.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix SIGNAL
// RUN: not lut-opt %s --verify-pwl 2>&1 | filecheck %s --check-prefix NONE

// A true certificate passes and changes nothing; a false one, of the table or of the optimum, fails.

// MSE: error: [verify-pwl] the certificate of silu states mse = 1e-06, but it is
// SHIFT: error: [verify-pwl] the certificate of silu states mse =
// OPTIMUM: error: [verify-pwl] the certificate of silu states optimal_mse = 1e-09, but it is
// SIGNAL: error: [verify-pwl] the certificate of silu states snr = 50.0, but it is
// NONE: doctest.mlir:22:3: error: [verify-pwl] silu has no table: run --pwl-search first

func.func @silu(%x: !quant.uniform<i8:f32, 6.250000e-02>) -> !quant.uniform<i8:f32, 6.250000e-02> {
  %0 = pwl.apply #pwl.fn<silu> %x : !quant.uniform<i8:f32, 6.250000e-02> -> !quant.uniform<i8:f32, 6.250000e-02>
  func.return %0 : !quant.uniform<i8:f32, 6.250000e-02>
}
