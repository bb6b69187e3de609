// RUN: lut-opt %s --convert-pwl-to-hw=pipeline=1 | filecheck %s
// RUN: lut-opt %s --convert-pwl-to-hw -t json | filecheck %s --check-prefix=JSON

!wide = !quant.uniform<u16:f32, 6.250000e-02>
!result = !quant.uniform<i16:f32, 4.8828125e-04>

// Leading-zero detection, the table, and the shift back are one unit, with the operand's own width.
func.func @host(%x : !wide) -> !result {
  %0 = pwl.apply #pwl.fn<log> %x reduce #pwl.leading_zero<table_bits = 6> table #pwl.table<i16, breakpoints = [90], slopes = [50, 30], intercepts = [-3000, -1200], intercept_shift = 0, result_shift = 0> : !wide -> !result
  func.return %0 : !result
}

// CHECK:      hw.module @pwl_log_u16_i16_s2m4_s2m11(in %clock: !seq.clock, in %reset: i1, in %x: i16, out y: i16)
// CHECK-SAME:   reduction: #pwl.leading_zero<table_bits = 6>
// CHECK-SAME:   reduction = #pwl.leading_zero<table_bits = 6>
// CHECK:        comb.icmp eq
// CHECK:        seq.compreg
// CHECK-NOT:  hw.module

// JSON:      "function": "log",
// JSON-NEXT: "input_scale": 0.015625,
// JSON:      "module": "pwl_log_u16_i16_s2m4_s2m11",
// JSON:      "reduction": {
// JSON:      "operand": {
// JSON-NEXT:   "bits": 16,
