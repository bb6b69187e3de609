"""
Weightless blocks in PyTorch, whose forward pass is the integer semantics of `lutnet`, bit for bit.

    config = WeightlessConfig(luts=512, readout="dense")
    replace_mlps(model, config)           # modules of timm and alike; train as usual
    model.blocks[0].mlp.network()         # the block as data: lut_opt.dialects.lutnet.network.Block
    export_text(model, x)                 # then lut-opt --lower-torch-to-lutnet …
"""

from lut_opt.frontends.torch.weightless.blocks import WeightlessBlock, WeightlessConfig
from lut_opt.frontends.torch.weightless.checkpoint import read_torch_dwn
from lut_opt.frontends.torch.weightless.encoder import Encoder
from lut_opt.frontends.torch.weightless.luts import LutLayer
from lut_opt.frontends.torch.weightless.readout import Popcount, Sum
from lut_opt.frontends.torch.weightless.replace import distill, replace_mlps

__all__ = [
    "Encoder",
    "LutLayer",
    "Popcount",
    "Sum",
    "WeightlessBlock",
    "WeightlessConfig",
    "distill",
    "read_torch_dwn",
    "replace_mlps",
]
