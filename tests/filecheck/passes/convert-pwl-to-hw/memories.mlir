// REQUIRES: circt
// RUN: lut-opt %s "--convert-pwl-to-hw=target=fpga" | filecheck %s --check-prefix=XC7
// RUN: lut-opt %s "--convert-pwl-to-hw=target=fpga family=ice40" | filecheck %s --check-prefix=ICE40
// RUN: lut-opt %s "--convert-pwl-to-hw" | filecheck %s --check-prefix=CELLS
// RUN: lut-opt %s "--convert-pwl-to-hw=target=fpga" -t systemverilog | filecheck %s --check-prefix=SV

// Rows and gammas that fill a quarter of a block RAM belong in one; a queue never does.

// XC7:   {name = "row"}> {ram_style = "distributed"}
// XC7:   {name = "row_summaries"}> {ram_style = "distributed"}
// XC7:   {name = "gammas"}> {ram_style = "block"}

// ICE40: {name = "row"}> {ram_style = "block"}
// ICE40: {name = "row_summaries"}> {ram_style = "registers"}
// ICE40: {name = "gammas"}> {ram_style = "block"}

// CELLS:     {name = "row"}> :
// CELLS-NOT: ram_style

// SV:      (* ram_style = "distributed" *)
// SV-NEXT: row[0:315];
// SV:      (* ram_style = "block" *)
// SV-NEXT: gammas[0:299];

!x = !quant.uniform<i8:f32, 6.250000e-02>
!g = !quant.uniform<i16:f32, 1.220703125e-04>
func.func @f(%x: tensor<300x!x>, %g: tensor<300x!g>) {
  %0 = pwl.rms_norm %x gamma %g : tensor<300x!g> {epsilon = 1.0e-05, normalized = 1 : i64,
    rsqrt = #pwl.table<i16, breakpoints = [900], slopes = [-38, -16], intercepts = [5300, 4000],
      intercept_shift = 4>} : tensor<300x!x> -> tensor<300x!x>
  func.return
}
