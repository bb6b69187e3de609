// RUN: lut-opt %s --lower-nonlinear-to-pwl | filecheck %s
// RUN: lut-opt %s --lower-nonlinear-to-pwl --pwl-search="strategy=uniform" --convert-pwl-to-arith | filecheck %s --check-prefix=ARITH

!weights = tensor<4x2x!quant.uniform<i8:f32:1, {0.1, 0.2:3}>>

// Weights with a scale for each channel stay as they are.
// CHECK-LABEL: func.func @weights(
// CHECK: quant.dcast {{.*}}{1.000000e-01,2.000000e-01:3}
// ARITH-LABEL: func.func @weights(
// ARITH: quant.dcast {{.*}}{1.000000e-01,2.000000e-01:3}
func.func @weights(%w: !weights) -> tensor<4x2xf32> {
  %0 = quant.dcast %w : !weights to tensor<4x2xf32>
  func.return %0 : tensor<4x2xf32>
}

// What a declared range says makes one scale of them.
// CHECK-LABEL: func.func @one_scale(
// CHECK: quant.dcast
// CHECK-NEXT: quant.qcast {{.*}} to tensor<4x2x!quant.uniform<i8:f32, 3.125000e-02>>
// CHECK-NEXT: pwl.apply #pwl.fn<tanh>
func.func @one_scale(%w: !weights) -> tensor<4x2xf32> {
  %0 = quant.dcast %w : !weights to tensor<4x2xf32>
  %1 = math.tanh %0 {pwl.range = [-4.0, 3.96875]} : tensor<4x2xf32>
  func.return %1 : tensor<4x2xf32>
}

// An exponent may be a tensor of one number.
// CHECK-LABEL: func.func @splat(
// CHECK: pwl.apply #pwl.fn<pow, 2.500000e+00>
// CHECK: pwl.apply #pwl.fn<sqrt>
func.func @splat(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = arith.constant dense<2.5> : tensor<4xf32>
  %half = arith.constant dense<[0.5, 0.5, 0.5, 0.5]> : tensor<4xf32>
  %0 = math.powf %x, %c {pwl.range = [0.0, 1.0]} : tensor<4xf32>
  %1 = math.powf %0, %half {pwl.range = [0.5, 1.0]} : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}

// A chain of constants costs no more than its ops.
// CHECK-LABEL: func.func @constants(
func.func @constants() -> f32 {
  %0 = arith.constant 1.0 : f32
  %1 = arith.addf %0, %0 : f32
  %2 = arith.addf %1, %1 : f32
  %3 = arith.addf %2, %2 : f32
  %4 = arith.addf %3, %3 : f32
  %5 = arith.addf %4, %4 : f32
  %6 = arith.addf %5, %5 : f32
  %7 = arith.addf %6, %6 : f32
  %8 = arith.addf %7, %7 : f32
  %9 = arith.addf %8, %8 : f32
  %10 = arith.addf %9, %9 : f32
  %11 = arith.addf %10, %10 : f32
  %12 = arith.addf %11, %11 : f32
  %13 = arith.addf %12, %12 : f32
  %14 = arith.addf %13, %13 : f32
  %15 = arith.addf %14, %14 : f32
  %16 = arith.addf %15, %15 : f32
  %17 = arith.addf %16, %16 : f32
  %18 = arith.addf %17, %17 : f32
  %19 = arith.addf %18, %18 : f32
  %20 = arith.addf %19, %19 : f32
  %21 = arith.addf %20, %20 : f32
  %22 = arith.addf %21, %21 : f32
  %23 = arith.addf %22, %22 : f32
  %24 = arith.addf %23, %23 : f32
  %25 = arith.addf %24, %24 : f32
  %26 = arith.addf %25, %25 : f32
  %27 = arith.addf %26, %26 : f32
  %28 = arith.addf %27, %27 : f32
  %29 = arith.addf %28, %28 : f32
  %30 = arith.addf %29, %29 : f32
  %31 = arith.addf %30, %30 : f32
  %32 = arith.addf %31, %31 : f32
  %33 = arith.addf %32, %32 : f32
  %34 = arith.addf %33, %33 : f32
  %35 = arith.addf %34, %34 : f32
  %36 = arith.addf %35, %35 : f32
  %37 = arith.addf %36, %36 : f32
  %38 = arith.addf %37, %37 : f32
  %39 = arith.addf %38, %38 : f32
  %40 = arith.addf %39, %39 : f32
  %41 = arith.addf %40, %40 : f32
  %42 = arith.addf %41, %41 : f32
  %43 = arith.addf %42, %42 : f32
  %44 = arith.addf %43, %43 : f32
  %45 = arith.addf %44, %44 : f32
  %46 = arith.addf %45, %45 : f32
  %47 = arith.addf %46, %46 : f32
  %48 = arith.addf %47, %47 : f32
  %y = math.tanh %48 : f32
  func.return %y : f32
}
