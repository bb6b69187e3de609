// RUN: lut-opt %s --lower-nonlinear-to-pwl --pwl-search 2>&1 | filecheck %s --check-prefix KEPT
// RUN: lut-opt %s --lower-nonlinear-to-pwl="output-scale=0.5" --pwl-search 2>&1 >/dev/null | filecheck %s --check-prefix COARSE
// RUN: not lut-opt %s --lower-nonlinear-to-pwl="output-scale=4096.0" --pwl-search 2>&1 | filecheck %s --check-prefix LOST
// RUN: lut-opt %s --lower-nonlinear-to-pwl="output-scale=4096.0" --pwl-search="allow-lossy=true" 2>&1 >/dev/null | filecheck %s --check-prefix TAKEN

// A result scale that the values do not reach loses the signal: a warning, and an error where all of it is lost.

// KEPT-NOT: warning
// KEPT: snr = 4.
// COARSE: signal.mlir:14:3: warning: [pwl-search] tanh keeps 18.9 dB of its signal from !quant.uniform<i8:f32, 3.125000e-02>
// LOST: signal.mlir:14:3: error: [pwl-search] tanh keeps 0.0 dB of its signal
// TAKEN: signal.mlir:14:3: warning: [pwl-search] tanh keeps 0.0 dB of its signal
func.func @f(%x: f32) -> f32 {
  %y = math.tanh %x {pwl.range = [-4.0, 3.96875]} : f32
  func.return %y : f32
}
