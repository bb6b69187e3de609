// RUN: not lut-opt %s --pwl-search 2>&1 | filecheck %s

!x = tensor<4x!quant.uniform<i8:f32, 0.03125>>

func.func @none(%q: !x) -> !x {
  // CHECK: invalid_sizes.mlir:7:3: error: [pwl-search] pwl.entries must be an integer from 1 to 65536, got 0 : i64
  %y = pwl.apply #pwl.fn<gelu> %q {pwl.entries = 0 : i64} : !x -> !x
  return %y : !x
}
