// RUN: lut-opt %s --pwl-search="strategy=genetic generations=20 seed=3 entries=4" > %t.1
// RUN: lut-opt %s --pwl-search="strategy=genetic generations=20 seed=3 entries=4" > %t.2
// RUN: diff %t.1 %t.2
// RUN: filecheck %s --check-prefix GENETIC --input-file %t.1
// RUN: lut-opt %s --pwl-search="metric=max entries=4 domain-min=-2 domain-max=2 form=direct" | filecheck %s --check-prefix MAX
// RUN: lut-opt %s -p 'pwl-search{entries=2 param-bits=16}' | filecheck %s --check-prefix WIDE

func.func @tanh(%x: !quant.uniform<i8:f32, 6.250000e-02>) -> !quant.uniform<i8:f32, 7.812500e-03> {
  // GENETIC: fit #pwl.fit<genetic, form = seed, metric = mse, seed = 3, entries = 4, points = 256, mse = {{.*}}, max_error = {{.*}}, exact = {{.*}}, optimal_mse = {{.*}}> :
  // MAX: fit #pwl.fit<optimal, form = direct, metric = max, seed = 0, entries = 4, points = 65, {{.*}}domain = [-2.000000e+00, 2.000000e+00], request = {entries = 4 : i64, form = "direct", metric = "max", domain_min = -2.000000e+00 : f64, domain_max = 2.000000e+00 : f64}> :
  // WIDE: table #pwl.table<i16, breakpoints = [{{.*}}], slopes = [{{-?[0-9]+, -?[0-9]+}}], intercepts = [{{-?[0-9]+, -?[0-9]+}}], intercept_shift = 8,
  %0 = pwl.apply #pwl.fn<tanh> %x : !quant.uniform<i8:f32, 6.250000e-02> -> !quant.uniform<i8:f32, 7.812500e-03>
  func.return %0 : !quant.uniform<i8:f32, 7.812500e-03>
}
