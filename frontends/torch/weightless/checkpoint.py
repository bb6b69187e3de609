"""
Networks trained with torch_dwn, as blocks.

torch_dwn 1.1.1 trains on CUDA alone and keeps its thermometer outside of the model, so that a
`state_dict` is only a part of a network. What is read here was saved as

    torch.save({"thresholds": thermometer.thresholds, "state_dict": model.state_dict()}, path)
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from lut_opt.dialects.lutnet.network import Block, ConditionalSum, Luts, Thermometer, tuples
from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.weightless.gradients import listed


def read_torch_dwn(
    path: str | Path, results: int, operand: Quantization, tau: float = 1.0
) -> Block:
    """
    The block of a checkpoint of torch_dwn: LUT layers, then `GroupSum(results, tau)`.

    `operand` says how features are stored: a threshold ϑ becomes the integer below it, so that
    those between two neighbouring stored values become equal. Nothing in the file is executed.
    Raises `ValueError` for a file that is no such checkpoint, and says what is missing.
    """
    saved = _load(path)
    layers = tuple(_layers(saved["state_dict"], path))
    thermometer = _thermometer(saved["thresholds"], operand)
    bits = layers[-1].count
    # Where they cannot be equal, the last group is shorter: torch_dwn fills up with zeros.
    size = -(-bits // results)
    groups = tuple(
        tuple(range(min(g * size, bits), min((g + 1) * size, bits))) for g in range(results)
    )
    ones = tuple((1,) * len(group) for group in groups)
    total = ConditionalSum(ones, (0,) * results, 0, groups)
    counts = Quantization(max(8, size.bit_length()), False, 1.0 / tau)
    block = Block(operand, thermometer, layers, total, counts)
    try:
        block.check()
    except ValueError as error:
        raise ValueError(f"{path}: thresholds and layers do not fit together: {error}") from error
    return block


def _load(path: str | Path) -> Mapping[str, Any]:
    try:
        saved: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path} is not read: it holds more than tensors, or is no file of torch.save"
        ) from error
    if not isinstance(saved, Mapping):
        raise ValueError(f"{path} holds a {type(saved).__name__}, not a dictionary")
    found = cast("Mapping[str, Any]", saved)
    for key, source in (("thresholds", "thermometer.thresholds"), ("state_dict", None)):
        if key not in found:
            bare = " (this is a bare state_dict)" if any(map(_is_tables, found)) else ""
            what = source or "model.state_dict()"
            raise ValueError(f'{path} has no "{key}"{bare}: save {what} under that name, too')
    return found


def _is_tables(name: str) -> bool:
    return name.rpartition(".")[2] == "luts"


def _layers(state: Mapping[str, Tensor], path: str | Path) -> list[Luts]:
    """The LUT layers of a state, in its order, which is that of the modules."""
    layers: list[Luts] = []
    for name in filter(_is_tables, state):
        mapping = name.removesuffix("luts") + "mapping"
        tables = state[name]
        arity = tables.shape[1].bit_length() - 1
        if (wires := state.get(mapping)) is None:
            scores = state.get(f"{mapping}.weights")
            if scores is None:
                raise ValueError(f'{path} has "{name}" but no "{mapping}"')
            wires = scores.argmax(0)
        rows: list[list[bool]] = listed(tables > 0)
        entries = (sum(int(bit) << at for at, bit in enumerate(row)) for row in rows)
        connections: list[list[int]] = listed(wires.reshape(-1, arity))
        layers.append(Luts(tuples(connections), tuple(entries)))
    if not layers:
        raise ValueError(f'{path} has no tables: a name that ends in "luts"')
    return layers


def _thermometer(thresholds: object, operand: Quantization) -> Thermometer:
    """Integers t such that q > t where the real that q stands for is greater than ϑ."""
    if not isinstance(thresholds, Tensor) or thresholds.dim() < 2:
        raise ValueError(
            '"thresholds" must be a tensor (features, bits): expand those that features share'
        )
    whole = (thresholds.double().flatten(0, -2) / operand.scale).floor() + operand.zero_point
    stored = whole.clamp(operand.minimum - 1, operand.maximum).sort(1).values.long()
    return Thermometer(tuples(listed(stored)))
