// RUN: lut-opt %s --convert-pwl-to-hw -o %t.mlir
// RUN: xdsl-opt %t.mlir -t systemverilog | filecheck %s --check-prefix=VERILOG
// RUN: xdsl-opt %t.mlir -t json | filecheck %s --check-prefix=JSON
// RUN: xdsl-opt %s -t report | filecheck %s --check-prefix=REPORT
// RUN: rm -rf %t.first %t.second
// RUN: xdsl-opt %t.mlir -t 'bundle{folder="%t.first"}' && lut-opt %t.mlir -t bundle -o %t.second
// RUN: diff %t.first/pwl_gelu_i8_i8_s2m4_s2m4/y.hex %t.second/pwl_gelu_i8_i8_s2m4_s2m4/y.hex

// The targets are xDSL's: its own driver knows them, with their options.

!q = !quant.uniform<i8:f32, 6.250000e-02>

func.func @host(%x : !q) -> !q {
  %0 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  func.return %0 : !q
}

// VERILOG: module pwl_gelu_i8_i8_s2m4_s2m4(
// JSON:    "function": "gelu"
// REPORT:  became tables and units
