func.func @feed_forward(%x: !torch.vtensor<[?,3072],f32>) -> !torch.vtensor<[?,3072],f32> {
  %none = torch.constant.str "none"
  %y = torch.aten.gelu %x, %none {pwl.range = [-4.0, 3.96875]} : !torch.vtensor<[?,3072],f32>, !torch.str -> !torch.vtensor<[?,3072],f32>
  return %y : !torch.vtensor<[?,3072],f32>
}
