// RUN: lut-opt %s --pwl-search --verify-pwl | filecheck %s

// As many entries as there are inputs, where those are few.
// CHECK: #pwl.fn<tanh> {{.*}}entries = 4, points = 4, {{.*}}exact = 1.000000e+00
func.func @few(%x: !quant.uniform<i2:f32, 1.0>) -> !quant.uniform<i8:f32, 3.125000e-02> {
  %0 = pwl.apply #pwl.fn<tanh> %x : !quant.uniform<i2:f32, 1.0> -> !quant.uniform<i8:f32, 3.125000e-02>
  func.return %0 : !quant.uniform<i8:f32, 3.125000e-02>
}

// An intercept shifted by 60 has no room in the accumulator: direct form.
// CHECK: #pwl.fn<tanh> {{.*}}#pwl.fit<optimal, form = direct, {{.*}}exact = 1.000000e+00
func.func @fine(%x: !quant.uniform<i8:f64, 8.673617379884035e-19>) -> !quant.uniform<i8:f64, 8.673617379884035e-19> {
  %0 = pwl.apply #pwl.fn<tanh> %x : !quant.uniform<i8:f64, 8.673617379884035e-19> -> !quant.uniform<i8:f64, 8.673617379884035e-19>
  func.return %0 : !quant.uniform<i8:f64, 8.673617379884035e-19>
}
