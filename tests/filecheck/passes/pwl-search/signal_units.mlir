// RUN: lut-opt %s --lower-nonlinear-to-pwl --pwl-search --verify-pwl 2>&1 | filecheck %s --check-prefix KEPT
// RUN: lut-opt %s --lower-nonlinear-to-pwl="output-bits=5" --pwl-search 2>&1 >/dev/null | filecheck %s --check-prefix COARSE
// RUN: not lut-opt %s --lower-nonlinear-to-pwl="output-scale=1.0" --pwl-search 2>&1 | filecheck %s --check-prefix LOST

// A unit states what it keeps of its signal over rows as its declarations describe them, and is warned of like a table.

// KEPT-NOT: warning
// KEPT:     pwl.softmax {{.*}}snr = {{[3-9]}}.{{[0-9]+}}e+01 : f64}
// COARSE:   signal_units.mlir:15:3: warning: [pwl-search] softmax keeps {{-?[0-9.]+}} dB of its signal from tensor<2x30x!quant.uniform<i16:f32, {{.*}} to tensor<2x30x!quant.uniform<u5:f32, 3.125000e-02>>: its result
// LOST:     signal_units.mlir:15:3: error: [pwl-search] softmax keeps {{-?[0-9.]+}} dB of its signal
// LOST-SAME: no better than zeros
func.func @f(%x: !torch.vtensor<[2,30],f32>) -> !torch.vtensor<[2,30],f32> {
  %last = torch.constant.int -1
  %none = torch.constant.none
  %y = torch.aten.softmax.int %x, %last, %none {pwl.range = [-2.0, 0.0], pwl.range_raw = [180.0, 210.0]} : !torch.vtensor<[2,30],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,30],f32>
  func.return %y : !torch.vtensor<[2,30],f32>
}
