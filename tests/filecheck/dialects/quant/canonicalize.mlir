// RUN: lut-opt %s --canonicalize | filecheck %s

!q = !quant.uniform<i8:f32, 0.5>

// Quantizing what was just dequantized gives the same integers.
// CHECK-LABEL: func.func @cancels(
// CHECK-SAME: %[[Q:[^:]*]]: !quant.uniform
// CHECK-NEXT: return %[[Q]]
func.func @cancels(%q: !q) -> !q {
  %0 = quant.dcast %q : !q to f32
  %1 = quant.qcast %0 : f32 to !q
  func.return %1 : !q
}

// The other way round rounds, and stays.
// CHECK-LABEL: func.func @rounds(
// CHECK-NEXT: quant.qcast
// CHECK-NEXT: quant.dcast
func.func @rounds(%x: f32) -> f32 {
  %0 = quant.qcast %x : f32 to !q
  %1 = quant.dcast %0 : !q to f32
  func.return %1 : f32
}
