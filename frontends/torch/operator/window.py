"""What the scales of a window must have in common."""

from __future__ import annotations

from collections.abc import Sequence

from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.operator.scale import Scale


def check_window(storages: Sequence[Quantization], scale: Scale | None) -> None:
    """Raise ValueError where storages differ in more than their scales, which are the window's."""
    sizes = [storages[0].scale] if scale is None else list(scale.values)
    if [storage.scale for storage in storages] != sizes:
        raise ValueError(
            f"{len(storages)} tables for a window of {len(sizes)} scales, or for other scales"
        )
    kinds = {(s.bits, s.signed, s.zero_point, s.minimum, s.maximum) for s in storages}
    if len(kinds) > 1:
        raise ValueError("the scales of a window store the same integers")


def only(kind: str, values: Sequence[object]) -> None:
    """Raise ValueError where what the scales of a window share differs."""
    if any(value != values[0] for value in values):
        raise ValueError(f"the scales of a window share one {kind}")


def at_scale(storage: Quantization, scale: float) -> Quantization:
    """The same integers at another scale."""
    bounds = storage.zero_point, storage.minimum, storage.maximum
    return Quantization(storage.bits, storage.signed, scale, *bounds)
