// RUN: not lut-opt %s --convert-pwl-to-hw 2>&1 | filecheck %s
// RUN: not lut-opt %s --convert-pwl-to-hw=pipeline=9 2>&1 | filecheck %s --check-prefix=PIPELINE
// RUN: not lut-opt %s --convert-pwl-to-hw="cost=synthesis implementation=direct" 2>&1 | filecheck %s --check-prefix=AUTO

!q = !quant.uniform<i8:f32, 6.250000e-02>

func.func @host(%x : !q) -> !q {
  %0 = pwl.apply #pwl.fn<gelu> %x : !q -> !q
  func.return %0 : !q
}

// CHECK:    invalid.mlir:8:3: error: [convert-pwl-to-hw] {{.*}}gelu has no table to build: run --pwl-search first
// PIPELINE: lut-opt: error: --convert-pwl-to-hw: pipeline must be between 0 and 4, got 9
// AUTO:     lut-opt: error: --convert-pwl-to-hw: objective, cost, liberty and allow-exact guide implementation=auto: add it
