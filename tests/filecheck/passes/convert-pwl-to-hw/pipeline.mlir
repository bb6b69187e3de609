// RUN: lut-opt %s --convert-pwl-to-hw="pipeline=3 select=binary multiplier=inferred" | filecheck %s

!q = !quant.uniform<i8:f32, 6.250000e-02>
!u = !quant.uniform<u8:f32, 1.000000e-01:3>

func.func @host(%x : !q) -> !u {
  %0 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !u
  func.return %0 : !u
}

// Select | multiply-add | round and clamp, each behind a register.
// CHECK:      hw.module @pwl_gelu_i8_u8_s2m4_s0p1z3(in %clock: !seq.clock, in %reset: i1, in %x: i8, out y: i8)
// CHECK-SAME:   pwl.unit = #pwl.table_unit<latency = 3,
// CHECK:        comb.icmp
// CHECK:        %x_select = seq.compreg %x, %clock reset %reset, {{.*}} : i8
// CHECK-NEXT:   %slope_select = seq.compreg
// CHECK:        %bias_select = seq.compreg
// CHECK:        comb.mul
// CHECK:        %rounded = seq.compreg
// CHECK:        comb.icmp slt %rounded,
// CHECK:        comb.mux
// CHECK:        %y_out = seq.compreg
// CHECK-NEXT:   hw.output %y_out : i8
