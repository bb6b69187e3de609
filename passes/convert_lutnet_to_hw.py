"""The pass `convert-lutnet-to-hw`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass


@dataclass(frozen=True)
class ConvertLutnetToHwPass(ModulePass):
    """
    Make one hardware module of every distinct weightless block.

    A block is a read-out with the layers and the encoder before it; the module takes a token to a
    token, for any bit pattern of the inputs. LUTs become decision diagrams, sums trees of leaves of
    six weighed bits. One module serves all tokens, one in each cycle. The modules stand *instead
    of* the host code: run `convert-lutnet-to-arith` on the same input for code. Run `canonicalize`
    before, or what nothing needs is built, too.

    Before:   %y = lutnet.sum %c weights <…> … (and what it reads)
    After:    hw.module @lutnet_64x256_512_64(in %x : i512, out y : i512) { … comb … }
    Ensures:  only `hw`, `comb` and `seq` operations are left, if there was a block at all.
    """

    name = "convert-lutnet-to-hw"

    pipeline: int = 0
    """Registers between an input and its result, behind levels of the block: encoder, each layer,
    each level of the sums, rounding. A new token may enter in every cycle."""

    interface: Literal["plain", "stream"] = "plain"
    """A result some cycles after its input, or valid and ready at both ends."""

    target: Literal["asic", "fpga"] = "asic"
    """Streams that gate their clock, or that have clock enables."""

    family: Literal["xc7", "ice40", "ecp5"] | None = None
    """Of target=fpga: what `-t report` maps blocks to (default: xc7)."""

    def __post_init__(self) -> None:
        if self.pipeline < 0:
            raise ValueError(f"pipeline must not be negative, got {self.pipeline}")
        if self.family is not None and self.target != "fpga":
            raise ValueError(f"family={self.family} is one of FPGAs: add target=fpga")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert a module."""
        from xdsl.dialects import hw

        from lut_opt.passes.hw.cost.model import FAMILY
        from lut_opt.passes.hw.network_unit.chains import blocks
        from lut_opt.passes.hw.network_unit.units import build_networks
        from lut_opt.passes.hw.shared import with_interface
        from lut_opt.passes.support.names import unique_names

        found = blocks(op)
        if not found:
            return
        kept = [child for child in op.ops if isinstance(child, hw.HWModuleOp)]
        unique = unique_names({module.sym_name.data for module in kept})
        stream = self.interface == "stream"
        made = build_networks(found, self.pipeline, stream and self.target == "fpga", unique)
        made = with_interface(made, kept, stream, unique)
        if self.target == "fpga":
            for module in made:
                module.attributes[FAMILY] = StringAttr(self.family or "xc7")
        for child in list(op.ops):
            if child not in kept:
                child.detach()
                child.erase(safe_erase=False)
        op.body.block.add_ops(made)
