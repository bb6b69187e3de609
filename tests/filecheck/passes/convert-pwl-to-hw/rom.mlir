// REQUIRES: circt
// RUN: lut-opt %s "--convert-pwl-to-hw=target=fpga implementation=direct pipeline=1" | filecheck %s
// RUN: lut-opt %s "--convert-pwl-to-hw=target=fpga implementation=direct pipeline=1" | lut-opt | filecheck %s
// RUN: lut-opt %s "--convert-pwl-to-hw=implementation=direct pipeline=1" | filecheck %s --check-prefix=LOGIC
// RUN: lut-opt %s "--convert-pwl-to-hw=target=fpga implementation=direct" | filecheck %s --check-prefix=LOGIC
// RUN: lut-opt %s "--convert-pwl-to-hw=target=fpga implementation=direct pipeline=1" -t systemverilog | filecheck %s --check-prefix=SV

// A direct table that fills a quarter of a block RAM belongs in one, if a register stands behind it.

!small = !quant.uniform<i8:f32, 6.250000e-02>
!large = !quant.uniform<i10:f32, 1.562500e-02>

// CHECK:     hw.module @pwl_gelu_i8_i8_s2m4_s2m4
// CHECK-NOT: storage.rom
// CHECK:     hw.module @pwl_gelu_i10_i10_s2m6_s2m6
// CHECK:     "storage.rom"(%x) <{name = "results", words = dense<
// CHECK:     {rom_style = "block"} : (i10) -> i10
// CHECK:     %y_out = seq.compreg

// LOGIC-NOT: storage.rom

// SV:      module pwl_gelu_i10_i10_s2m6_s2m6
// SV:      (* rom_style = "block" *)
// SV-NEXT: reg [9:0] results[0:1023];
// SV-NEXT: initial begin
// SV:      y_out <= results[x];

func.func @f(%a: !small, %x: !large) {
  %0 = pwl.apply #pwl.fn<gelu> %a table #pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64],
    intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !small -> !small
  %1 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-120, 28],
    slopes = [0, 12, 64], intercepts = [0, 20, 0], intercept_shift = 4, result_shift = 6>
    : !large -> !large
  func.return
}
