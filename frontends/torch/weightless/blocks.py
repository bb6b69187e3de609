"""The whole block: encoder, layers, read-out."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from lut_opt.dialects.lutnet.network import Block
from lut_opt.dialects.lutnet.text import block_of, text_of
from lut_opt.frontends.torch.weightless.encoder import Encoder
from lut_opt.frontends.torch.weightless.luts import LutLayer
from lut_opt.frontends.torch.weightless.readout import Popcount, Sum


@dataclass(frozen=True)
class WeightlessConfig:
    """What a block is made of."""

    thresholds: int = 4
    """Of each feature."""
    luts: int | tuple[int, ...] = 512
    """LUTs of the layer, or of each."""
    arity: int = 6
    """Inputs of a LUT."""
    readout: Literal["popcount", "grouped", "dense"] = "dense"
    learned: bool = False
    """Whether the first layer learns its connections."""
    start: Literal["threshold", "uniform"] = "threshold"
    """How tables begin: as random threshold neurons, or uniform in [−1, 1] (DWN)."""
    width: float = 1.0
    """Of the surrogate derivative of a threshold, in units of the inputs."""
    output_scale: float = 2.0**-5
    """One step of the results, a power of two."""
    seed: int = 0


class WeightlessBlock(nn.Module):
    """Reals (…, features) to reals (…, results), through integers and bits."""

    def __init__(self, features: int, results: int, config: WeightlessConfig = WeightlessConfig()):
        super().__init__()
        self._exported: str | None = None
        generator = torch.Generator()
        generator.manual_seed(config.seed)
        sizes = (config.luts,) if isinstance(config.luts, int) else config.luts
        self.encoder = Encoder(features, config.thresholds, width=config.width)
        inputs = features * config.thresholds
        layers: list[LutLayer] = []
        for number, luts in enumerate(sizes):
            learned = config.learned and number == 0
            layers.append(
                LutLayer(
                    inputs,
                    luts,
                    config.arity,
                    learned=learned,
                    start=config.start,
                    generator=generator,
                )
            )
            inputs = luts
        self.layers = nn.Sequential(*layers)
        scale = config.output_scale
        if config.readout == "popcount":
            self.readout: Popcount | Sum = Popcount(inputs, results, scale)
        else:
            dense = config.readout == "dense"
            self.readout = Sum(inputs, results, dense=dense, scale=scale, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Integers, held exactly in floats."""
        if self._exported is not None:
            return cast(Tensor, cast(Any, torch.ops).lut_opt.weightless(x, self._exported))
        tokens = x.flatten(0, -2) if x.dim() > 1 else x[None]
        bits = self.layers(self.encoder(tokens))
        y = self.readout(bits)
        return y.reshape(*x.shape[:-1], y.shape[-1])

    @contextmanager
    def exporting(self) -> Generator[None]:
        """Inside, the block is one operator that holds its data: what an export traces."""
        self._exported = text_of(self.network())
        try:
            yield
        finally:
            self._exported = None

    def network(self) -> Block:
        """The block as data, as it is now."""
        layers = tuple(cast(LutLayer, layer).network() for layer in self.layers)
        return Block(
            self.encoder.quantization,
            self.encoder.thermometer(),
            layers,
            self.readout.network(),
            self.readout.quantization,
        )


_parsed: Callable[[str], Block] = lru_cache(maxsize=64)(block_of)


@torch.library.custom_op("lut_opt::weightless", mutates_args=())
def weightless(x: Tensor, block: str) -> Tensor:
    """Reals to reals by a block's data, in its NumPy semantics."""
    network = _parsed(block)
    q = network.operand.quantize(x.detach().double().cpu().numpy())
    y = network.result.dequantize(network.evaluate(q))
    return torch.as_tensor(y).to(x)


@cast(Any, weightless).register_fake
def _(x: Tensor, block: str) -> Tensor:
    return x.new_empty((*x.shape[:-1], _parsed(block).readout.results))
