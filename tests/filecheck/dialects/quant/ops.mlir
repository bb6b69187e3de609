// RUN: lut-opt %s | lut-opt - | filecheck %s
// RUN: lut-opt %s --print-op-generic | lut-opt - | filecheck %s

// CHECK-LABEL: func.func @tensors(
func.func @tensors(%x: tensor<2x?xf32>) -> tensor<2x?xf32> {
  // CHECK-NEXT: %[[Q:.*]] = quant.qcast %{{.*}} : tensor<2x?xf32> to tensor<2x?x!quant.uniform<i8:f32, 3.125000e-02>>
  %q = quant.qcast %x : tensor<2x?xf32> to tensor<2x?x!quant.uniform<i8:f32, 3.125e-02>>
  // CHECK-NEXT: %[[S:.*]] = quant.scast %[[Q]] : tensor<2x?x!quant.uniform<i8:f32, 3.125000e-02>> to tensor<2x?xi8>
  %s = quant.scast %q : tensor<2x?x!quant.uniform<i8:f32, 3.125e-02>> to tensor<2x?xi8>
  // CHECK-NEXT: %[[R:.*]] = quant.scast %[[S]] : tensor<2x?xi8> to tensor<2x?x!quant.uniform<u8<0:254>:f32, 1.000000e-01:128>>
  %r = quant.scast %s : tensor<2x?xi8> to tensor<2x?x!quant.uniform<u8<0:254>:f32, 0.1:128>>
  // CHECK-NEXT: quant.dcast %[[R]] : tensor<2x?x!quant.uniform<u8<0:254>:f32, 1.000000e-01:128>> to tensor<2x?xf32>
  %y = quant.dcast %r : tensor<2x?x!quant.uniform<u8<0:254>:f32, 0.1:128>> to tensor<2x?xf32>
  func.return %y : tensor<2x?xf32>
}

// CHECK-LABEL: func.func @other_shapes(
func.func @other_shapes(%x: f16, %y: tensor<f32>, %z: tensor<0xf32>, %u: tensor<*xf32>) {
  // CHECK: to !quant.uniform<i4:f16, 2.000000e+00>
  %0 = quant.qcast %x : f16 to !quant.uniform<i4:f16, 2.0>
  // CHECK: to tensor<!quant.uniform<i16:f32, 0.0078740157480314959:-7>>
  %1 = quant.qcast %y : tensor<f32> to tensor<!quant.uniform<i16:f32, 0.007874015748031496:-7>>
  // CHECK: to tensor<0x!quant.uniform<u32:f32, 1.000000e+00>>
  %2 = quant.qcast %z : tensor<0xf32> to tensor<0x!quant.uniform<u32:f32, 1.0>>
  // CHECK: to tensor<*x!quant.uniform<i8<-127:127>:f32, 1.000000e+00>>
  %3 = quant.qcast %u : tensor<*xf32> to tensor<*x!quant.uniform<i8<-127:127>:f32, 1.0>>
  func.return
}

// CHECK-LABEL: func.func @channels(
func.func @channels(%w: tensor<?x2xf32>, %q: tensor<2x3x!quant.uniform<u8<1:255>:f16:0, {0.5:128, 0.25}>>) {
  // CHECK-NEXT: %[[Q:.*]] = quant.qcast %{{.*}} : tensor<?x2xf32> to tensor<?x2x!quant.uniform<i8:f32:1, {1.000000e-01,2.000000e-01:3}>>
  %0 = quant.qcast %w : tensor<?x2xf32> to tensor<?x2x!quant.uniform<i8:f32:1, {0.1, 0.2:3}>>
  // CHECK-NEXT: quant.scast %[[Q]] : tensor<?x2x!quant.uniform<i8:f32:1, {1.000000e-01,2.000000e-01:3}>> to tensor<?x2xi8>
  %1 = quant.scast %0 : tensor<?x2x!quant.uniform<i8:f32:1, {0.1, 0.2:3}>> to tensor<?x2xi8>
  // CHECK-NEXT: quant.dcast %{{.*}} : tensor<2x3x!quant.uniform<u8<1:255>:f16:0, {5.000000e-01:128,2.500000e-01}>> to tensor<2x3xf16>
  %2 = quant.dcast %q : tensor<2x3x!quant.uniform<u8<1:255>:f16:0, {0.5:128, 0.25}>> to tensor<2x3xf16>
  func.return
}
