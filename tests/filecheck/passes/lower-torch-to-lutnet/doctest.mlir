// RUN: lut-opt %s --lower-torch-to-lutnet | filecheck %s

// CHECK-LABEL: @main
// CHECK-NEXT: torch_c.to_builtin_tensor %{{.*}} -> tensor<4x1xf32>
// CHECK-NEXT: quant.qcast {{.*}} to tensor<4x1x!quant.uniform<i8:f32, 6.250000e-02>>
// CHECK-NEXT: lutnet.encode %{{.*}} thresholds <{{\[\[}}-3, 4]]>
// CHECK-NEXT: lutnet.layer %{{.*}} luts <connections = {{\[\[}}0, 1]], tables = [0x2]>
// CHECK-NEXT: lutnet.sum %{{.*}} weights <{{\[\[}}5]], bias = [1], shift = 1> : tensor<4x1xi1> -> tensor<4x1x!quant.uniform<i8:f32, 2.500000e-01>>
// CHECK-NEXT: quant.dcast
// CHECK-NEXT: torch_c.from_builtin_tensor
// CHECK-NEXT: return
func.func @main(%x: !torch.vtensor<[4,1],f32>) -> !torch.vtensor<[4,1],f32> {
  %block = torch.constant.str "#lutnet.unit<latency = 0, operand = !quant.uniform<i8:f32, 6.25e-02>, thresholds = #lutnet.thresholds<[[-3, 4]]>, layers = [#lutnet.luts<connections = [[0, 1]], tables = [0x2]>], weights = #lutnet.weights<[[5]], bias = [1], shift = 1>, result = !quant.uniform<i8:f32, 2.5e-01>>"
  %y = torch.operator "torch.lut_opt.weightless"(%x, %block) : (!torch.vtensor<[4,1],f32>, !torch.str) -> !torch.vtensor<[4,1],f32>
  return %y : !torch.vtensor<[4,1],f32>
}
