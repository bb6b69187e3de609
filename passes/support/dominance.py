"""Every value is computed before it is used: what all walks along operands rely on."""

from __future__ import annotations

from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.irdl.dominance import DominanceInfo

from lut_opt.passes.support.diagnostics import OpError

UNORDERED = "hw.module"
"""What stands in a module of hardware has no order, and its registers close circles."""


def check_dominance(module: Operation) -> None:
    """Raise OpError for the first op that uses a value which is not computed before it."""
    seen: set[Operation] = set()
    dominances: dict[Region, DominanceInfo] = {}
    for op in module.walk():
        for value in op.operands:
            if not _is_before(value, op, seen, dominances):
                name = f"%{value.name_hint}" if value.name_hint else "a value"
                raise OpError(
                    op,
                    f"{op.name} uses {name}, which is not computed before it: "
                    "define every value ahead of its uses",
                )
        seen.add(op)


def _is_before(
    value: SSAValue, user: Operation, seen: set[Operation], dominances: dict[Region, DominanceInfo]
) -> bool:
    """Whether `value` is there when `user` needs it; `seen` are the ops in front of `user`."""
    source = value.owner
    home = source if isinstance(source, Block) else source.parent
    block = user.parent
    if home is block and (isinstance(source, Block) or source in seen):
        return True
    if home is None or (region := home.parent) is None:
        return False
    if isinstance(parent := region.parent, Operation) and parent.name == UNORDERED:
        return True
    while block is not None and block.parent is not region:
        outer = block.parent_op()
        block = outer.parent if outer is not None and outer is not source else None
    if block is None:
        return False
    if block is home:
        return isinstance(source, Block) or source in seen
    if region not in dominances:
        dominances[region] = DominanceInfo(region)
    return dominances[region].strictly_dominates(home, block)
