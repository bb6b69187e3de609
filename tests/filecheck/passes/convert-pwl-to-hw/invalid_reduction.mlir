// RUN: not lut-opt %s --convert-pwl-to-hw 2>&1 | filecheck %s

!wide = !quant.uniform<u16:f32, 6.250000e-02>

// CHECK: invalid_reduction.mlir:7:3: error: [convert-pwl-to-hw] no hardware for the range reduction of log yet: declare a range of at most four octaves, or leave it to the host with --lower-nonlinear-to-pwl=keep=log
func.func @host(%x : !wide) -> !wide {
  %0 = pwl.apply #pwl.fn<log> %x reduce #pwl.leading_zero<table_bits = 6> : !wide -> !wide
  func.return %0 : !wide
}
