// RUN: not lut-opt %s --split-input-file --convert-pwl-to-hw 2>&1 | filecheck %s
// RUN: not lut-opt %s --split-input-file --convert-pwl-to-hw=row=9000 2>&1 | filecheck %s --check-prefix=LONG
// RUN: not lut-opt %s --split-input-file --convert-pwl-to-hw="row=6 lanes=4" 2>&1 | filecheck %s --check-prefix=LANES
// RUN: not lut-opt %s --convert-pwl-to-hw=lanes=3 2>&1 | filecheck %s --check-prefix=THREE

// THREE: lut-opt: error: --convert-pwl-to-hw: lanes must be a power of two from 1 to 64, got 3

!x = !quant.uniform<i16:f32, 6.250000e-02>

func.func @dynamic(%x: tensor<2x?x!x>) {
  %0 = pwl.rms_norm %x {epsilon = 1.0e-05, normalized = 1 : i64, rsqrt = #pwl.table<i16, breakpoints = [900], slopes = [-38, -16], intercepts = [5300, 4000], intercept_shift = 4, result_shift = 0>} : tensor<2x?x!x> -> tensor<2x?x!x>
  func.return
}

// CHECK: invalid_units.mlir:11:3: error: [convert-pwl-to-hw] the row of pwl.rms_norm is dynamic: a unit is built for one length: give it with --convert-pwl-to-hw=row=N
// LANES: invalid_units.mlir:11:3: error: [convert-pwl-to-hw] a row of pwl.rms_norm is whole beats, and 6 elements are no multiple of 4 lanes: give another number with --convert-pwl-to-hw=lanes=K
// LONG: invalid_units.mlir:11:3: error: [convert-pwl-to-hw] pwl.rms_norm takes rows of up to 8192 elements, got 9000

// -----

!x = !quant.uniform<i16:f32, 6.250000e-02>

func.func @bare(%x: tensor<2x8x!x>) {
  %0 = pwl.softmax %x {axis = 1 : i64, clip = -255 : i64} : tensor<2x8x!x> -> tensor<2x8x!quant.uniform<u8:f32, 3.906250e-03>>
  func.return
}

// CHECK: invalid_units.mlir:24:3: error: [convert-pwl-to-hw] pwl.softmax has no tables: run --pwl-search first
