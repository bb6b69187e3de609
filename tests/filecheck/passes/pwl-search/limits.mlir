// RUN: not lut-opt %s --split-input-file --pwl-search 2>&1 | filecheck %s --check-prefix MANY
// RUN: not lut-opt %s --split-input-file --pwl-search="frac-bits=30 param-bits=16" 2>&1 | filecheck %s --check-prefix BITS
// RUN: not lut-opt %s --split-input-file --pwl-search="frac-bits=30 param-bits=16 form=direct" 2>&1 | filecheck %s --check-prefix BITS
// RUN: not lut-opt %s --split-input-file --pwl-search="symmetry=odd entries=4" 2>&1 | filecheck %s --check-prefix ODD
// RUN: not lut-opt %s --split-input-file --pwl-search="symmetry=even entries=4" 2>&1 | filecheck %s --check-prefix EVEN

// MANY: limits.mlir:12:3: error: [pwl-search] 4294967296 stored inputs are more than the 16777216 that a table is made for: narrow the input's storage
// BITS: error: [pwl-search] slopes saturate at frac-bits=30: they reach {{.*}} steps, which 16 bits do not hold; use at least 16 fraction bits less, more param-bits, or leave frac-bits out
// ODD: error: [pwl-search] gelu is not odd: f(x) and −f(−x) differ by 3.97 at x = -3.96875: leave symmetry= out
// EVEN: error: [pwl-search] gelu is not even: f(x) and f(−x) differ by 3.97 at x = -3.96875: leave symmetry= out
func.func @many(%x: !quant.uniform<i32:f32, 9.765625e-04>) -> !quant.uniform<i8:f32, 3.125000e-02> {
  %0 = pwl.apply #pwl.fn<gelu> %x : !quant.uniform<i32:f32, 9.765625e-04> -> !quant.uniform<i8:f32, 3.125000e-02>
  func.return %0 : !quant.uniform<i8:f32, 3.125000e-02>
}
// -----
func.func @gelu(%x: !quant.uniform<i8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 3.125000e-02> {
  %0 = pwl.apply #pwl.fn<gelu> %x : !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 3.125000e-02>
  func.return %0 : !quant.uniform<i8:f32, 3.125000e-02>
}
