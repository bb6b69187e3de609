// RUN: lut-opt %s --lower-nonlinear-to-pwl | filecheck %s

// The input of a chain has the range of an op that it goes into …

// CHECK-LABEL: @direct
// CHECK:       pwl.apply #pwl.fn<mish> %{{[^ ]*}} {pwl.range = [-4.000000e+00 : f64, 3.968750e+00 : f64], pwl.fused = [{{.*}}]} : !quant.uniform<i8:f32, 3.125000e-02>
func.func @direct(%x: f32) -> f32 {
  %0 = math.exp %x {pwl.range = [-4.0, 3.96875]} : f32
  %1 = math.log1p %0 {pwl.range = [0.0, 64.0]} : f32
  %2 = math.tanh %1 {pwl.range = [0.0, 4.0]} : f32
  %3 = arith.mulf %x, %2 : f32
  func.return %3 : f32
}

// … the first one, if there are more …

// CHECK-LABEL: @first
// CHECK:       pwl.range = [-2.000000e+00 : f64, 1.984375 : f64]
func.func @first(%x: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  %0 = arith.addf %x, %one {pwl.range = [-2.0, 1.984375]} : f32
  %1 = math.tanh %x {pwl.range = [-4.0, 3.96875]} : f32
  %2 = math.tanh %0 {pwl.range = [-8.0, 7.9375]} : f32
  %3 = arith.mulf %1, %2 : f32
  func.return %3 : f32
}

// … or that of an inner op, brought back exactly through what is affine …

// CHECK-LABEL: @affine
// CHECK:       pwl.apply @{{.*}} {pwl.range = [-1.250000e+00 : f64, 2.750000e+00 : f64], pwl.fused = [{{.*}}]} : !quant.uniform<i8:f32, 1.562500e-02:-54>
func.func @affine(%x: f32) -> f32 {
  %three = arith.constant 3.0 : f32
  %two = arith.constant 2.0 : f32
  %0 = arith.mulf %x, %two : f32
  %1 = arith.subf %three, %0 : f32
  %2 = arith.divf %1, %two : f32
  %3 = math.tanh %2 {pwl.range = [-1.25, 2.75]} : f32
  func.return %3 : f32
}

// … and, as far as bisection goes, through what is not: max(x, -x) up to 3 is x from -3 to 3 …

// CHECK-LABEL: @inverse
// CHECK:       pwl.range = [-3.{{.*}} : f64, 3.{{.*}} : f64], pwl.fused
func.func @inverse(%x: f32) -> f32 {
  %n = arith.negf %x : f32
  %0 = arith.maximumf %x, %n : f32
  %1 = math.exp %0 {pwl.range = [0.0, 3.0]} : f32
  func.return %1 : f32
}

// … a magnitude stays outside, so that the table has half the range …

// CHECK-LABEL: @magnitude
// CHECK:       math.absf
// CHECK:       pwl.apply #pwl.fn<exp> %{{.*}} {pwl.range = [0.000000e+00 : f64, 3.000000e+00 : f64]} : !quant.uniform<u8:f32, 1.562500e-02>
func.func @magnitude(%x: f32) -> f32 {
  %0 = math.absf %x : f32
  %1 = math.exp %0 {pwl.range = [0.0, 3.0]} : f32
  func.return %1 : f32
}

// … where the function is constant beyond the range, the scale follows and all inputs count …

// CHECK-LABEL: @saturating
// CHECK:       pwl.apply #pwl.fn<relu2> %{{[^ ]*}} {pwl.fused = ["{{[^"]*}}", "{{[^"]*}}"]} : !quant.uniform<u8:f32, 1.562500e-02>
func.func @saturating(%x: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %0 = arith.maximumf %x, %zero : f32
  %1 = math.powf %0, %two {pwl.range = [-4.0, 3.96875]} : f32
  func.return %1 : f32
}

// … and without a scale for the whole, operators that have theirs stand alone.

// CHECK-LABEL: @alone
// CHECK:       math.absf
// CHECK-NEXT:  arith.mulf
// CHECK:       pwl.apply #pwl.fn<tanh> %{{[^ ]*}} {pwl.range = [0.000000e+00 : f64, 4.000000e+00 : f64]}
func.func @alone(%x: f32) -> f32 {
  %0 = math.absf %x : f32
  %1 = arith.mulf %0, %x : f32
  %2 = arith.subf %1, %x : f32
  %3 = arith.subf %2, %2 : f32
  %4 = math.tanh %3 {pwl.range = [0.0, 4.0]} : f32
  func.return %4 : f32
}
