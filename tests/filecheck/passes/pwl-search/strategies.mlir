// RUN: lut-opt %s --pwl-search="strategy=exact" --verify-pwl | filecheck %s --check-prefix EXACT
// RUN: lut-opt %s --pwl-search="strategy=exact tolerance=1" | filecheck %s --check-prefix NEAR
// RUN: lut-opt %s --pwl-search="max-error=1.0" --verify-pwl -t json | filecheck %s --check-prefix ERROR
// RUN: lut-opt %s --pwl-search="mse=1e-4 budget-bits=6,8" --verify-pwl | filecheck %s --check-prefix MSE
// RUN: lut-opt %s --pwl-search="strategy=neural samples=2000 seed=1" --verify-pwl | filecheck %s --check-prefix NEURAL
// RUN: lut-opt %s --pwl-search="weights=calibrated entries=4" --verify-pwl | filecheck %s --check-prefix WEIGHTS
// RUN: not lut-opt %s --pwl-search="strategy=exact entries=4" 2>&1 | filecheck %s --check-prefix BOTH
// RUN: not lut-opt %s --pwl-search="mse=1e-12" 2>&1 | filecheck %s --check-prefix NEVER
// RUN: not lut-opt %s --pwl-search="strategy=exact param-bits=3" 2>&1 | filecheck %s --check-prefix IMPOSSIBLE

// Every result is the correctly rounded function.
// EXACT: fit #pwl.fit<exact, form = direct, metric = mse, seed = 0, entries = {{[0-9]+}}, points = 256, mse = {{.*}}, max_error = 0.4{{[0-9]+}}, exact = 1.000000e+00, optimal_mse = {{.*}}, request = {strategy = "exact"}>
// NEAR: exact = 0.{{.*}}, request = {strategy = "exact", config = {tolerance = 1 : i64}}>

// ERROR: "strategy": "optimal",
// ERROR: "max_error": {{0[.][0-9]+|1[.]0}},
// ERROR: "request": "max-error=1.0",
// MSE: fit #pwl.fit<optimal, {{.*}}, mse = {{[0-9].*}}e-05, {{.*}}request = {mse = 1.000000e-04 : f64, budget_bits = [6 : i64, 8 : i64]}>
// NEURAL: fit #pwl.fit<neural, form = {{seed|direct}}, metric = mse, seed = 1, entries = 8, {{.*}}request = {strategy = "neural", seed = 1 : i64, config = {samples = 2000 : i64}}>
// WEIGHTS: fit #pwl.fit<optimal, {{.*}}entries = 4, {{.*}}request = {entries = 4 : i64, weights = "calibrated"}>
// BOTH: lut-opt: error: --pwl-search: strategy=exact finds the entries: leave entries= out
// NEVER: error: [pwl-search] no table meets the budget
// IMPOSSIBLE: error: [pwl-search] impossible at these widths: at stored input

func.func @gelu(%x: !quant.uniform<i8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 3.125000e-02> {
  %0 = pwl.apply #pwl.fn<gelu> %x {pwl.histogram = dense<7> : tensor<256xi64>} : !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 3.125000e-02>
  func.return %0 : !quant.uniform<i8:f32, 3.125000e-02>
}

// RUN: lut-opt %s --pwl-search="strategy=genetic preset=authors" --verify-pwl | filecheck %s --check-prefix AUTHORS
// RUN: not lut-opt %s --pwl-search="preset=authors" 2>&1 | filecheck %s --check-prefix PRESET
// RUN: lut-opt %s --pwl-search="pareto=true budget-bits=6,8" -t json | filecheck %s --check-prefix PARETO

// AUTHORS: fit #pwl.fit<genetic, {{.*}}, mse = {{[0-9.]+}}e-05, {{.*}}request = {strategy = "genetic", config = {preset = "authors"}}>
// PRESET: lut-opt: error: --pwl-search: preset is for strategy=genetic
// PARETO:      "pareto": [
// PARETO-NEXT:   {
// PARETO-NEXT:     "entries": 1,
// PARETO-NEXT:     "param_bits": 6,
// PARETO-NEXT:     "bits": 12,

// RUN: lut-opt %s --pwl-search --pwl-search="strategy=genetic warm-start=true generations=5" -t json | filecheck %s --check-prefix WARM
// RUN: not lut-opt %s --pwl-search="strategy=genetic warm-start=true" 2>&1 | filecheck %s --check-prefix COLD

// From the proven optimum, genetic search has nowhere to go.
// WARM: "mse": 1.3003786422554106e-05,
// WARM: "optimal_mse": 1.3003786422554106e-05,
// COLD: error: [pwl-search] warm-start needs a table of 8 entries on the op: search first
