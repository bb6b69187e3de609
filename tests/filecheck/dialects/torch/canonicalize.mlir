// RUN: lut-opt %s --canonicalize | filecheck %s

// Values that nobody uses go; whatever may write, print or draw a random number stays.
// CHECK-LABEL: func.func @dead(
// CHECK-NEXT: torch.aten.tanh_
// CHECK-NEXT: torch.aten.rand_like
// CHECK-NEXT: return
func.func @dead(%x: !torch.vtensor<[2],f32>) {
  %int1 = torch.constant.int 1
  %0 = torch.prim.ListConstruct %int1 : (!torch.int) -> !torch.list<int>
  %1 = torch.aten.tanh %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %2 = torch.aten.tanh_ %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %3 = torch.aten.rand_like %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  return
}
