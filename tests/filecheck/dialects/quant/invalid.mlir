// RUN: not lut-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: invalid.mlir:[[# @LINE + 1]]:{{.*}} scale 0.0 is not a positive finite number of type f32; give a scale
func.func private @zero_scale() -> !quant.uniform<i8:f32, 0.0>

// -----

// CHECK: scale nan is not a positive finite number
func.func private @nan_scale() -> !quant.uniform<i8:f32, 0x7FF8000000000000>

// -----

// CHECK: scale -1.0 is not a positive finite number
func.func private @negative_scale() -> !quant.uniform<i8:f32, -1.0>

// -----

// CHECK: zero point 128 is outside the storage type: [-128, 127]; give one inside it
func.func private @zero_point() -> !quant.uniform<i8:f32, 0.5:128>

// -----

// CHECK: storage range <-129:127> is not an ascending part of [-128, 127]
func.func private @storage_range() -> !quant.uniform<i8<-129:127>:f32, 0.5>

// -----

func.func @shapes(%x: tensor<2xf32>) {
  // CHECK: quant.qcast: tensor<2xf32> does not match tensor<3x!quant.uniform<i8:f32, 5.000000e-01>>; give both the same shape
  %0 = quant.qcast %x : tensor<2xf32> to tensor<3x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @storage(%x: !quant.uniform<i8:f32, 0.5>) {
  // CHECK: quant.scast: i16 does not match !quant.uniform<i8:f32, 5.000000e-01>;{{.*}} the type i8
  %0 = quant.scast %x : !quant.uniform<i8:f32, 0.5> to i16
  func.return
}

// -----

// CHECK: scale -0.5 is not a positive finite number of type f32
func.func private @channel_scale() -> tensor<2x!quant.uniform<i8:f32:0, {0.1, -0.5}>>

// -----

// CHECK: axis -1 of the scales is negative; count from 0
func.func private @channel_axis() -> tensor<2x!quant.uniform<i8:f32:-1, {0.1, 0.5}>>

// -----

// CHECK: there must be one zero point for each scale, and at least one
func.func private @no_channel() -> tensor<2x!quant.uniform<i8:f32:0, {}>>

// -----

// CHECK: scales of blocks are not supported; give one a tensor or one a channel
func.func private @blocks() -> tensor<2x!quant.uniform<i8:f32:{0:1}, {{0.1, 0.5}}>>

// -----

func.func @no_axis(%x: tensor<2xf32>) {
  // CHECK: has a scale for each index of axis 1; give the tensor that axis
  %0 = quant.qcast %x : tensor<2xf32> to tensor<2x!quant.uniform<i8:f32:1, {0.1, 0.2}>>
  func.return
}

// -----

func.func @channels(%x: tensor<2x3xf32>) {
  // CHECK: has 2 scales for the 3 elements of axis 1; give one for each
  %0 = quant.qcast %x : tensor<2x3xf32> to tensor<2x3x!quant.uniform<i8:f32:1, {0.1, 0.2}>>
  func.return
}

// -----

func.func @no_rank(%x: tensor<*xf32>) {
  // CHECK: has a scale for each index of axis 0; give the tensor that axis
  %0 = quant.qcast %x : tensor<*xf32> to tensor<*x!quant.uniform<i8:f32:0, {0.1, 0.2}>>
  func.return
}

// -----

func.func @no_tensor(%x: f32) {
  // CHECK: has a scale for each index of axis 0; give the tensor that axis
  %0 = quant.qcast %x : f32 to !quant.uniform<i8:f32:0, {0.1, 0.2}>
  func.return
}
