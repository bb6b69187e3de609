// RUN: lut-opt %s --convert-pwl-to-hw=pipeline=1 -t systemverilog | filecheck %s
// RUN: not lut-opt %s -t systemverilog 2>&1 | filecheck %s --check-prefix=HOST

!q = !quant.uniform<i8:f32, 6.250000e-02>

func.func @host(%x : !q) -> !q {
  %0 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  func.return %0 : !q
}

// CHECK:      // pwl_gelu_i8_i8_s2m4_s2m4: gelu, piecewise linear
// CHECK-NEXT: //   table:     3 entries, digest
// CHECK:      module pwl_gelu_i8_i8_s2m4_s2m4(
// CHECK:        reg [7:0] y_out;
// CHECK:        always_ff @(posedge clock)
// CHECK:        y_out <= acc[13:6];
// CHECK:        assign y = y_out;
// CHECK:      endmodule

// HOST: error: [-t systemverilog] 'func.func' is not hardware
