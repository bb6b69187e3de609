// RUN: lut-opt %s --convert-pwl-to-hw=pipeline=1 | filecheck %s
// RUN: lut-opt %s --convert-pwl-to-hw="pipeline=1 interface=axis target=fpga" | filecheck %s --check-prefix=AXIS
// RUN: lut-opt %s --convert-pwl-to-hw -t json | filecheck %s --check-prefix=JSON
// RUN: not lut-opt %s --convert-pwl-to-hw=interface=axis 2>&1 | filecheck %s --check-prefix=PATH
// RUN: not lut-opt %s --convert-pwl-to-hw="unit=programmable number-format=float32 pipeline=7" 2>&1 | filecheck %s --check-prefix=STAGES

!a = !quant.uniform<i8:f32, 6.250000e-02>
!b = !quant.uniform<u12:f32, 3.125000e-02>

// One unit serves both; whether numerators or denominators are repeated is nothing to it.
func.func @host(%a : tensor<4x!a>, %b : tensor<4x!b>, %c : !b) {
  %0 = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 7> {reciprocal = #pwl.table<i16, breakpoints = [176], slopes = [-46, -23], intercepts = [14080, 10006]>} : tensor<4x!a>, tensor<4x!b> -> tensor<4x!a>
  %1 = pwl.divide %a, %c reduce #pwl.leading_zero<table_bits = 7> {reciprocal = #pwl.table<i16, breakpoints = [176], slopes = [-46, -23], intercepts = [14080, 10006]>} : tensor<4x!a>, !b -> tensor<4x!a>
  func.return
}

// CHECK:      hw.module @pwl_divide_i8_u12_i8_s2m4_s2m5_s2m4(in %clock: !seq.clock, in %reset: i1, in %x: i8, in %denominator: i12, out y: i8)
// CHECK-SAME:   pwl.unit = #pwl.divide_unit<latency = 1, semantics = <operand = {{.*}}, result = {{.*}}, denominator = {{.*}}, reduction = #pwl.leading_zero<table_bits = 7>, reciprocal = #pwl.table<
// CHECK:        hw.wire
// CHECK-NOT:  hw.module

// The denominator lies above the numerator, in bytes of its own.
// AXIS:      hw.module @pwl_divide_i8_u12_i8_s2m4_s2m5_s2m4_axis({{.*}}in %s_axis_tdata: i24, in %s_axis_tlast: i1,
// AXIS-SAME:   tdata:      x in 8 bits, of which 8 count, above it denominator in 16 bits, of which 12 count; y in 8 bits

// JSON:      "function": "reciprocal",
// JSON:      "unit": "divide",
// JSON:      "module": "pwl_divide_i8_u12_i8_s2m4_s2m5_s2m4",
// JSON:      "error_bound": {{[0-9.]+}}
// JSON:        "name": "denominator",
// JSON-NEXT:   "direction": "input",
// JSON-NEXT:   "bits": 12

// PATH:   divide.mlir:12:3: error: [convert-pwl-to-hw] AXI4-Stream allows no path through a unit within a cycle: interface=axis needs pipeline=1 or more for tables
// STAGES: divide.mlir:12:3: error: [convert-pwl-to-hw] pwl.divide has at most 4 stages, got 7: run it apart, or leave it to the host
