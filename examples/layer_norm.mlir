// Rows of four features with a learned scale and offset.
func.func @norm(%x: !torch.vtensor<[?,4],f32>, %gamma: !torch.vtensor<[4],f32>, %beta: !torch.vtensor<[4],f32>) -> !torch.vtensor<[?,4],f32> {
  %size = torch.constant.int 4
  %shape = torch.prim.ListConstruct %size : (!torch.int) -> !torch.list<int>
  %epsilon = torch.constant.float 1.000000e-05
  %false = torch.constant.bool false
  %y = torch.aten.layer_norm %x, %shape, %gamma, %beta, %epsilon, %false {pwl.range = [-8.0, 7.9375]} : !torch.vtensor<[?,4],f32>, !torch.list<int>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.float, !torch.bool -> !torch.vtensor<[?,4],f32>
  return %y : !torch.vtensor<[?,4],f32>
}
