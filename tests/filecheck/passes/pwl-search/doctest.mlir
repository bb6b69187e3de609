// RUN: lut-opt %s --pwl-search="entries=8 frac-bits=6" | filecheck %s
// RUN: lut-opt %s --pwl-search="entries=8 frac-bits=6" --verify-pwl -t json | filecheck %s --check-prefix JSON

// Equal problems have equal tables; the certificate states the proven optimum.

func.func @gelu(%x: tensor<8x!quant.uniform<i8:f32, 3.125000e-02>>) -> tensor<8x!quant.uniform<i8:f32, 3.125000e-02>> {
  // CHECK:      pwl.apply #pwl.fn<gelu> %x table #pwl.table<[[table:i8, .*]]> fit #pwl.fit<optimal, form = direct, metric = mse, seed = 0, entries = 8, points = 256, mse = [[mse:.*]], max_error = {{.*}}, exact = {{.*}}, optimal_mse = [[mse]], snr = {{.*}}, request = {entries = 8 : i64, frac_bits = 6 : i64}> :
  // CHECK-NEXT: pwl.apply #pwl.fn<gelu> %{{.*}} table #pwl.table<[[table]]> fit
  %0 = pwl.apply #pwl.fn<gelu> %x : tensor<8x!quant.uniform<i8:f32, 3.125000e-02>> -> tensor<8x!quant.uniform<i8:f32, 3.125000e-02>>
  %1 = pwl.apply #pwl.fn<gelu> %0 : tensor<8x!quant.uniform<i8:f32, 3.125000e-02>> -> tensor<8x!quant.uniform<i8:f32, 3.125000e-02>>
  func.return %1 : tensor<8x!quant.uniform<i8:f32, 3.125000e-02>>
}

// JSON:      "function": "gelu",
// JSON-NEXT: "input_scale": 0.03125,
// JSON-NEXT: "output_scale": 0.03125,
// JSON-NEXT: "input_bits": 8,
// JSON-NEXT: "output_bits": 8,
// JSON-NEXT: "param_bits": 8,
// JSON-NEXT: "frac_bits": 6,
// JSON-NEXT: "entries": 8,
// JSON-NEXT: "breakpoints": [
// JSON:      "intercept_shift": 3,
// JSON-NEXT: "result_shift": 6,
// JSON-NEXT: "accumulator_scale": 0.00048828125,
// JSON:      "strategy": "optimal",
