"""Units for the blocks of a module: one for each distinct block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from xdsl.dialects import hw

from lut_opt.dialects.lutnet.hardware import NetworkUnit
from lut_opt.dialects.lutnet.network import Block
from lut_opt.dialects.lutnet.ops import ReadoutOp
from lut_opt.passes.hw.network_unit.unit import build_network, network_name
from lut_opt.passes.support.diagnostics import about


def build_networks(
    blocks: Sequence[tuple[ReadoutOp, Block]],
    latency: int,
    enable: bool,
    unique: Callable[[str], str],
) -> list[hw.HWModuleOp]:
    """
    The modules in program order, their registers with an enable if asked for.

    `unique` makes a name one that no other module has.
    """
    made: dict[Block, hw.HWModuleOp] = {}
    for op, block in blocks:
        if block in made:
            continue
        unit = NetworkUnit("", block, latency=latency, enable=enable and latency > 0)
        with about(op):
            unit.check()
        module = build_network(replace(unit, module=unique(network_name(unit))))
        module.location = op.location
        made[block] = module
    return list(made.values())
