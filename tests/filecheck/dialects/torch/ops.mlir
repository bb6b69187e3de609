// RUN: lut-opt %s | lut-opt - | filecheck %s
// RUN: lut-opt %s --print-op-generic | lut-opt - | filecheck %s

// CHECK-LABEL: func.func @main(
// CHECK-SAME: !torch.vtensor<[2,?],f32>
func.func @main(%x: !torch.vtensor<[2,?],f32>) -> !torch.vtensor<[?],f32> {
  // CHECK-NEXT: torch.constant.int -1
  %int-1 = torch.constant.int -1
  // CHECK-NEXT: torch.constant.float 1.000000e-01
  %float1.000000e-01 = torch.constant.float 1.000000e-01
  // CHECK-NEXT: torch.constant.float 0x7ff0000000000000
  %floatInf = torch.constant.float 0x7FF0000000000000
  // CHECK-NEXT: torch.constant.bool true
  %true = torch.constant.bool true
  // CHECK-NEXT: torch.constant.none
  %none = torch.constant.none
  // CHECK-NEXT: torch.constant.str "none"
  %str = torch.constant.str "none"
  // CHECK-NEXT: torch.constant.device "cpu"
  %cpu = torch.constant.device "cpu"
  // CHECK-NEXT: torch.vtensor.literal(dense<0xff800000> : tensor<f32>) : !torch.vtensor<[],f32>
  %0 = torch.vtensor.literal(dense<0xFF800000> : tensor<f32>) : !torch.vtensor<[],f32>
  // CHECK-NEXT: torch.vtensor.literal(dense_resource<w.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %1 = torch.vtensor.literal(dense_resource<w.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  // CHECK-NEXT: %[[LIST:.*]] = torch.prim.ListConstruct %{{.*}} : (!torch.int) -> !torch.list<int>
  %2 = torch.prim.ListConstruct %int-1 : (!torch.int) -> !torch.list<int>
  // CHECK-NEXT: %[[GELU:.*]] = torch.aten.gelu %{{.*}}, %{{.*}} {pwl.range = [-4.000000e+00 : f64, 4.000000e+00 : f64]} : !torch.vtensor<[2,?],f32>, !torch.str -> !torch.vtensor<[2,?],f32>
  %3 = torch.aten.gelu %x, %str {pwl.range = [-4.0, 4.0]} : !torch.vtensor<[2,?],f32>, !torch.str -> !torch.vtensor<[2,?],f32>
  // CHECK-NEXT: torch.aten.nobody_wrote_this_down %[[GELU]] : !torch.vtensor<[2,?],f32> -> !torch.vtensor, !torch.optional<list<vtensor<*,f32>>>
  %4, %5 = torch.aten.nobody_wrote_this_down %3 : !torch.vtensor<[2,?],f32> -> !torch.vtensor, !torch.optional<list<vtensor<*,f32>>>
  // CHECK-NEXT: torch.operator "torch.my.op"(%[[GELU]]) {k = 1 : si64} : (!torch.vtensor<[2,?],f32>) -> !torch.vtensor<[2],unk>
  %6 = torch.operator "torch.my.op"(%3) {k = 1 : si64} : (!torch.vtensor<[2,?],f32>) -> !torch.vtensor<[2],unk>
  // CHECK-NEXT: %[[T:.*]] = torch_c.to_builtin_tensor %[[GELU]] : !torch.vtensor<[2,?],f32> -> tensor<2x?xf32>
  %7 = torch_c.to_builtin_tensor %3 : !torch.vtensor<[2,?],f32> -> tensor<2x?xf32>
  // CHECK-NEXT: torch_c.from_builtin_tensor %[[T]] : tensor<2x?xf32> -> !torch.vtensor<[2,?],f32>
  %8 = torch_c.from_builtin_tensor %7 : tensor<2x?xf32> -> !torch.vtensor<[2,?],f32>
  // CHECK-NEXT: %[[Y:.*]] = torch.aten.view %{{.*}}, %[[LIST]] : !torch.vtensor<[2,?],f32>, !torch.list<int> -> !torch.vtensor<[?],f32>
  %9 = torch.aten.view %8, %2 : !torch.vtensor<[2,?],f32>, !torch.list<int> -> !torch.vtensor<[?],f32>
  // CHECK-NEXT: return %[[Y]] : !torch.vtensor<[?],f32>
  return %9 : !torch.vtensor<[?],f32>
}

// CHECK: {-#
// CHECK-NEXT: dialect_resources: { builtin: { w.0: "0x040000000000803F00000040" } }
// CHECK-NEXT: #-}
{-#
  dialect_resources: { builtin: { w.0: "0x040000000000803F00000040" } }
#-}
