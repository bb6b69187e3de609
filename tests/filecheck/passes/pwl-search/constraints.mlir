// RUN: lut-opt %s --pwl-search="left-tail=zero right-tail=identity zero-exact=true" -o %t.mlir
// RUN: lut-opt %t.mlir --verify-pwl | filecheck %s
// RUN: sed -e 's/slopes = \[0, /slopes = [1, /' %t.mlir > %t.broken.mlir
// RUN: not lut-opt %t.broken.mlir --verify-pwl 2>&1 | filecheck %s --check-prefix BROKEN
// RUN: lut-opt %s --pwl-search="monotone=increasing" --verify-pwl | filecheck %s --check-prefix MONOTONE
// RUN: not lut-opt %s --pwl-search="monotone=increasing strategy=genetic" 2>&1 | filecheck %s --check-prefix GENETIC

// The first segment is exactly 0, the last exactly x, and f(0) is 0.

// CHECK: slopes = [0, {{.*}}, 64], intercepts = [0, {{.*}}, 0], intercept_shift = {{[0-9]+}}, result_shift = 6> fit #pwl.fit<optimal, {{.*}}request = {zero_exact = true, left_tail = "zero", right_tail = "identity"}>
// BROKEN: error: [verify-pwl]
// MONOTONE: slopes = [{{[0-9, ]+}}]
// GENETIC: strategy=genetic sees to no constraints: use optimal

func.func @gelu(%x: !quant.uniform<i8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 3.125000e-02> {
  %0 = pwl.apply #pwl.fn<gelu> %x : !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 3.125000e-02>
  func.return %0 : !quant.uniform<i8:f32, 3.125000e-02>
}
