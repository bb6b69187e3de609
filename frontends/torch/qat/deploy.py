"""From a trained model to a program whose units hold the trained tables."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import nn
from torch.fx import GraphModule
from xdsl.dialects.builtin import UnitAttr
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.dialects.quant import DequantizeCastOp, QuantizeCastOp
from lut_opt.frontends.torch.exporting import export_text
from lut_opt.frontends.torch.qat.config import QatError
from lut_opt.frontends.torch.qat.prepared import Prepared, pt2e
from lut_opt.frontends.torch.qat.slots import Slot
from lut_opt.frontends.torch.qat.windows import Unit, expressed
from lut_opt.passes.support.declarations import TRAINED
from lut_opt.passes.support.diagnostics import copy_location


class Converted(nn.Module):
    """
    A frozen model as what is exported: operators in the places of units, linear layers converted.

    Run it as the model was: in floating point, but for what a quantizer of linear layers left.
    """

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        if not prepared.is_frozen:
            raise QatError("the model still learns: call qat.freeze before it is converted")
        self.prepared = prepared
        self.graph = _open(prepared.calibrated, linear=prepared.config.quantizer is not None)


def convert(prepared: Prepared) -> Converted:
    """What a frozen model is exported from. QatError for one that is not frozen."""
    return Converted(prepared)


def _open(graph: GraphModule, *, linear: bool) -> GraphModule:
    opened = copy.deepcopy(graph)
    if linear:
        opened = pt2e().convert_pt2e(opened)
    for module in opened.modules():
        if isinstance(module, Slot):
            module.is_open = True
    return opened


def export(converted: Converted) -> Program:
    """
    The lowered program of a converted model: its units have the scales and tables that were
    trained, and `pwl.trained`, which the search leaves and the verification checks.
    """
    prepared = converted.prepared
    calibration, given = prepared.calibration, prepared.inputs
    arguments = (dict(given.keyword),) if given.keyword else given.positional
    text = export_text(
        converted.graph,
        *arguments,
        calibration=calibration,
        dynamic_shapes=prepared.config.dynamic_shapes,
    )
    ctx = context()
    program = parse(text, "trained", ctx)
    prepared.config.lowering.apply(ctx, program.module)
    units = [op for op in program.module.walk() if isinstance(op, ApplyOp | UnitOp)]
    if len(units) != len(prepared.slots) + len(prepared.left):
        raise QatError(
            f"{len(units)} units are exported, and others were trained: a bug, report it"
        )
    for number, slot in prepared.slots.items():
        _set(units, number, slot)
    program.module.verify()
    return program


def _set(units: Sequence[Unit], number: int, slot: Slot) -> None:
    """Put the trained unit in the place of the one that the lowering made."""
    trained = slot.chosen()
    unit = units[number] if number < len(units) else None
    alike = (
        unit is not None
        and unit.name == trained.name
        and len(unit.operands) == len(trained.operands)
        and unit.properties.get("function") == trained.properties.get("function")
    )
    if unit is None or not alike:
        raise QatError(
            f"{slot.name} is not found in the exported program: this is a bug, report it"
        )
    created: list[Operation] = []
    operands = [
        _stored(value, wanted, created)
        for value, wanted in zip(unit.operands, trained.operands, strict=True)
    ]
    made = trained.clone(dict(zip(trained.operands, operands, strict=True)))
    made.attributes[TRAINED] = UnitAttr()
    created.append(made)
    copy_location(unit, created)
    Rewriter.insert_op(created, InsertPoint.before(unit))
    unit.results[0].replace_all_uses_with(made.results[0])
    Rewriter.erase_op(unit)


def _stored(value: SSAValue, wanted: SSAValue, created: list[Operation]) -> SSAValue:
    """A quantized value in the storage that is wanted, of the reals that it stands for."""
    if value.type == wanted.type:
        return value
    owner = value.owner
    if isinstance(owner, QuantizeCastOp):
        real: SSAValue = owner.input
    else:
        created.append(DequantizeCastOp(value, expressed(value.type)))
        real = created[-1].results[0]
    created.append(QuantizeCastOp(real, wanted.type))
    return created[-1].results[0]
