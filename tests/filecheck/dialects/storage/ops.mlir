// REQUIRES: circt
// RUN: lut-opt %s | lut-opt - | filecheck %s
// RUN: lut-opt %s --print-op-generic | lut-opt - | filecheck %s
// RUN: lut-opt %s -t systemverilog | filecheck %s --check-prefix=VERILOG

// CHECK: hw.module @word(in %clock: !seq.clock, in %enable: i1, in %data: i8, out q: i8) {
hw.module @word(in %clock: !seq.clock, in %enable: i1, in %data: i8, out q: i8) {
  // CHECK-NEXT: %low = storage.invert %clock
  // CHECK-NEXT: %held = storage.latch %enable while %low : i1
  // CHECK-NEXT: %pulse = storage.gate %clock if %held
  // CHECK-NEXT: %q = storage.latch %data while %pulse : i8
  %low = storage.invert %clock
  %held = storage.latch %enable while %low : i1
  %pulse = storage.gate %clock if %held
  %q = storage.latch %data while %pulse : i8
  hw.output %q : i8
}

// Icarus has no part selects in level-sensitive blocks: what opens a latch stands outside.
// VERILOG:      held_open = ~clock;
// VERILOG:      reg        held;
// VERILOG-NEXT: always_latch begin
// VERILOG-NEXT:   if (held_open)
// VERILOG-NEXT:     held = enable;
// VERILOG:      q_open = clock & held;
// VERILOG:      reg  [7:0] q_0;
// VERILOG-NEXT: always_latch begin
// VERILOG-NEXT:   if (q_open)
// VERILOG-NEXT:     q_0 = data;
