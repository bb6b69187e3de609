// Rows of 64: attention scores, 8 bits in and out, and features with a learned scale and offset, in 16.
!score = !quant.uniform<i8:f32, 6.250000e-02>
!probability = !quant.uniform<u8:f32, 3.906250e-03>
func.func @attention(%q: tensor<?x64x!score>) -> tensor<?x64x!probability> {
  %x = quant.dcast %q : tensor<?x64x!score> to tensor<?x64xf32>
  %scores = torch_c.from_builtin_tensor %x : tensor<?x64xf32> -> !torch.vtensor<[?,64],f32>
  %axis = torch.constant.int -1
  %none = torch.constant.none
  %p = torch.aten.softmax.int %scores, %axis, %none : !torch.vtensor<[?,64],f32>, !torch.int, !torch.none -> !torch.vtensor<[?,64],f32>
  %y = torch_c.to_builtin_tensor %p : !torch.vtensor<[?,64],f32> -> tensor<?x64xf32>
  %r = quant.qcast %y : tensor<?x64xf32> to tensor<?x64x!probability>
  return %r : tensor<?x64x!probability>
}
func.func @norm(%x: !torch.vtensor<[?,64],f32>, %gamma: !torch.vtensor<[64],f32>, %beta: !torch.vtensor<[64],f32>) -> !torch.vtensor<[?,64],f32> {
  %size = torch.constant.int 64
  %shape = torch.prim.ListConstruct %size : (!torch.int) -> !torch.list<int>
  %epsilon = torch.constant.float 1.000000e-05
  %false = torch.constant.bool false
  %y = torch.aten.layer_norm %x, %shape, %gamma, %beta, %epsilon, %false {pwl.range = [-8.0, 7.9375]} : !torch.vtensor<[?,64],f32>, !torch.list<int>, !torch.vtensor<[64],f32>, !torch.vtensor<[64],f32>, !torch.float, !torch.bool -> !torch.vtensor<[?,64],f32>
  return %y : !torch.vtensor<[?,64],f32>
}
