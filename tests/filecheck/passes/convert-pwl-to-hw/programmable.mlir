// RUN: lut-opt %s --convert-pwl-to-hw="unit=programmable entries=4 storage=latch" | filecheck %s
// RUN: lut-opt %s --convert-pwl-to-hw="unit=programmable entries=4" -t json | filecheck %s --check-prefix=JSON
// RUN: lut-opt %s --convert-pwl-to-hw="unit=programmable entries=4 storage=gated interface=stream pipeline=1" | filecheck %s --check-prefix=STREAM
// RUN: lut-opt %s --convert-pwl-to-hw="unit=programmable entries=4 number-format=float32" | filecheck %s --check-prefix=FLOAT
// RUN: lut-opt %s --convert-pwl-to-hw="unit=programmable entries=4 target=fpga" | filecheck %s --check-prefix=MEMORY
// RUN: not lut-opt %s --convert-pwl-to-hw="unit=programmable entries=2" 2>&1 | filecheck %s --check-prefix=SMALL
// RUN: not lut-opt %s --convert-pwl-to-hw="unit=programmable entries=12" 2>&1 | filecheck %s --check-prefix=POWER

!q = !quant.uniform<i8:f32, 6.250000e-02>
!p = !quant.uniform<i8:f32, 3.125000e-02>

// Scales are data, so both tables share a unit; the third table is one of the two.
func.func @host(%x : !q, %z : !p) -> (!q, !p, !q) {
  %0 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  %1 = pwl.apply #pwl.fn<silu> %z table #pwl.table<i8, breakpoints = [], slopes = [64], intercepts = [-1], intercept_shift = 5, result_shift = 6> : !p -> !p
  %2 = pwl.apply #pwl.fn<gelu> %0 table #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  func.return %0, %1, %2 : !q, !p, !q
}

// CHECK:      hw.module @pwl_programmable_i8_i8_n4(in %clock: !seq.clock, in %write_enable: i1, in %address: i4, in %data: i8, in %x: i8, out y: i8)
// CHECK-SAME:   pwl.unit = #pwl.programmable_unit<latency = 0, layout = <entries = 4, slope_bits = 8, intercept_bits = 8, breakpoint_bits = 8, shift_bits = [3, 3]>,
// CHECK-SAME:   storage = latch, programs = [<function = gelu, {{.*}}writes = {{\[\[}}0, 0], [1, 12], [2, 64], [3, 64],
// CHECK-SAME:   <function = silu
// CHECK:        [[WRITE:%.*]] = comb.and {{.*}} {sv.namehint = "write_slope0"} : i1
// CHECK:        [[PULSE:%.*]] = storage.gate %clock if [[WRITE]]
// CHECK:        storage.latch {{.*}} while [[PULSE]] {sv.namehint = "slope0"} : i8
// CHECK:        storage.latch {{.*}} {sv.namehint = "breakpoint2"} : i8
// CHECK:        [[SHIFTS:%.*]] = storage.latch {{.*}} : i6
// CHECK:        comb.icmp sge %x, {{.*}} : i8
// CHECK:        comb.shl
// CHECK:        comb.shrs
// CHECK:        hw.output
// CHECK-NOT:  hw.module

// JSON:      "function": "gelu",
// JSON:      "module": "pwl_programmable_i8_i8_n4",
// JSON:      "latency": 0,
// JSON-NEXT: "writes": [
// JSON-NEXT:   [0, 0],
// JSON-NEXT:   [1, 12],
// JSON:        [11, 52]
// JSON:      "function": "silu",
// JSON:        [4, 255],
// JSON-NOT:  "function"

// STREAM:      hw.module @pwl_clock_gate(
// STREAM:      hw.module @pwl_programmable_i8_i8_n4(in %clock: !seq.clock, in %x_clock: !seq.clock,
// STREAM:        hw.instance "slope0_gate" @pwl_clock_gate(clock: %clock: !seq.clock, enable: {{%.*}}: i1) -> (gated: !seq.clock)
// STREAM:        seq.compreg {{.*}}, %x_clock : i8
// STREAM:      hw.module @pwl_programmable_i8_i8_n4_stream({{.*}}in %x_valid: i1, in %y_ready: i1, out x_ready: i1, out y: i8, out y_valid: i1)
// STREAM-SAME:   pwl.unit = #pwl.stream_unit<@pwl_programmable_i8_i8_n4>
// STREAM:        hw.instance "unit" @pwl_programmable_i8_i8_n4

// 12·2^-6 and 5·2^4·2^-6·2^-4 in single precision.
// FLOAT:      hw.module @pwl_programmable_f32_n4({{.*}}in %x: i32, out y: i32)
// FLOAT-SAME:   [1, 1044381696]
// FLOAT-SAME:   [5, 1033895936]

// MEMORY:      hw.module @pwl_programmable_i8_i8_n4(
// MEMORY-SAME:   storage = memory, programs
// MEMORY:        [[SLOPES:%.*]] = "seq.hlmem"(%clock, {{%.*}}) <{name = "slopes"}> {ram_style = "distributed"{{.*}}} : (!seq.clock, i1) -> !seq.hlmem<4xi8>
// MEMORY:        [[WRITE:%.*]] = comb.and {{.*}} {sv.namehint = "write_slopes"} : i1
// MEMORY:        "seq.write"([[SLOPES]], {{%.*}}, %data, [[WRITE]])
// MEMORY:        [[SEGMENT:%.*]] = comb.concat {{.*}} {sv.namehint = "segment"} : i1, i1
// MEMORY:        "seq.read"([[SLOPES]], [[SEGMENT]])

// SMALL: programmable.mlir:14:3: error: [convert-pwl-to-hw] the table has 3 entries, the unit has 2
// POWER: lut-opt: error: --convert-pwl-to-hw: entries must be one of 2, 4, 8, 16, 32, 64, got 12
