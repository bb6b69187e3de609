// RUN: not lut-opt %s --split-input-file --pwl-search="param-bits=4 domain-min=-100" 2>&1 | filecheck %s
// RUN: not lut-opt %s --pwl-search="entries=0" 2>&1 | filecheck %s --check-prefix ZERO
// RUN: not lut-opt %s --pwl-search="strategy=magic" 2>&1 | filecheck %s --check-prefix MAGIC
// RUN: not lut-opt %s --pwl-search="domain-min=nan" 2>&1 | filecheck %s --check-prefix NAN
// RUN: not lut-opt %s --pwl-search="speed=9" 2>&1 | filecheck %s --check-prefix UNKNOWN

// ZERO: lut-opt: error: --pwl-search: entries must be at least 1, got 0
// MAGIC: lut-opt: error: --pwl-search: option 'strategy' takes auto|optimal|exact|genetic|neural|uniform, got 'magic'
// NAN: lut-opt: error: --pwl-search: domain-min must be finite, got nan
// UNKNOWN: lut-opt: error: --pwl-search: unknown option 'speed': pwl-search takes strategy, entries, param-bits,

// CHECK: invalid.mlir:14:3: error: [pwl-search] rsqrt is not defined at -8 (stored as -128): narrow the storage range
func.func @undefined(%x: !quant.uniform<i8:f32, 6.250000e-02>) {
  %0 = pwl.apply #pwl.fn<rsqrt> %x : !quant.uniform<i8:f32, 6.250000e-02> -> !quant.uniform<i8:f32, 6.250000e-02>
  func.return
}
// -----
// CHECK: invalid.mlir:20:3: error: [pwl-search] slopes up to {{.*}} result steps per input step do not fit in 4 bits
func.func @steep(%x: !quant.uniform<i8:f32, 1.0>) {
  %0 = pwl.apply #pwl.fn<square> %x : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i32:f32, 1.000000e-02>
  func.return
}
// -----
// CHECK: error: [pwl-search] @f holds func.call, which has no table meaning: use arith on floats and math
func.func @body(%x: !quant.uniform<i8:f32, 1.0>) {
  %0 = pwl.apply @f %x : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
  func.return
}
func.func @f(%x: f32) -> f32 {
  %0 = func.call @erfc(%x) : (f32) -> f32
  func.return %0 : f32
}
func.func private @erfc(f32) -> f32
