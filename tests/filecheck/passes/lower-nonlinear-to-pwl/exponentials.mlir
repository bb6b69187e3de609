// RUN: lut-opt %s --lower-nonlinear-to-pwl | filecheck %s

// What grows over many octaves is written as exponentials, which get a range reduction; what does not has one table.

!b = !torch.vtensor<[3],f32>

// CHECK-LABEL: @wide
// CHECK:      pwl.apply #pwl.fn<exp> %{{.*}} reduce #pwl.octaves<table_bits = 9> {pwl.range = [-2.000000e+00 : f64, 1.200000e+01 : f64]}
// CHECK:      torch.aten.sub.Scalar
// CHECK:      pwl.apply #pwl.fn<exp> %{{.*}} reduce #pwl.octaves<table_bits = 9> {pwl.range = [-1.000000e+01 : f64, 1.100000e+01 : f64]}
// CHECK:      torch.aten.neg
// CHECK:      pwl.apply #pwl.fn<exp> %{{.*}} reduce #pwl.octaves<table_bits = 9> {pwl.range = [-1.100000e+01 : f64, 1.000000e+01 : f64]}
// CHECK:      torch.aten.mul.Scalar
// CHECK:      pwl.apply #pwl.fn<exp2> %{{.*}} reduce #pwl.octaves<table_bits = 9> {pwl.range = [-9.000000e+00 : f64, 1.200000e+01 : f64], pwl.quantiles = dense<[-9.000000e+00, {{-?}}0.000000e+00, 1.200000e+01]> : tensor<3xf64>}
// CHECK-NOT:  torch.aten.{{expm1|sinh|pow}}
func.func @wide(%x: !b) -> (!b, !b, !b) {
  %eighth = torch.constant.float 0.125
  %0 = torch.aten.expm1 %x {pwl.range = [-2.0, 12.0]} : !b -> !b
  %1 = torch.aten.sinh %x {pwl.range = [-10.0, 11.0]} : !b -> !b
  %2 = torch.aten.pow.Scalar %eighth, %x {pwl.range = [-4.0, 3.0], pwl.quantiles = dense<[-4.0, 0.0, 3.0]> : tensor<3xf64>} : !torch.float, !b -> !b
  func.return %0, %1, %2 : !b, !b, !b
}

// CHECK-LABEL: @narrow
// CHECK:      pwl.apply #pwl.fn<expm1> %{{.*}} {pwl.range
// CHECK:      pwl.apply #pwl.fn<cosh> %{{.*}} {pwl.range
// CHECK:      pwl.apply #pwl.fn<exponential, 1.500000e+00> %{{.*}} {pwl.range
// CHECK:      pwl.apply #pwl.fn<sinh> %{{.*}} {pwl.range
func.func @narrow(%x: !b) -> (!b, !b, !b, !b) {
  %base = torch.constant.float 1.5
  %0 = torch.aten.expm1 %x {pwl.range = [-20.0, 2.0]} : !b -> !b
  %1 = torch.aten.cosh %x {pwl.range = [-3.0, 3.0]} : !b -> !b
  %2 = torch.aten.pow.Scalar %base, %x {pwl.range = [-4.0, 4.0]} : !torch.float, !b -> !b
  // Eight bits were asked for.
  %3 = torch.aten.sinh %x {pwl.range = [-10.0, 11.0], pwl.bits = 8 : i64} : !b -> !b
  func.return %0, %1, %2, %3 : !b, !b, !b, !b
}
