"""
A model that is trained with the integers that it will be deployed with.

    prepared = prepare(model, example_inputs)      # a copy of the model
    calibrate(prepared, batches)                   # scales, windows, tables: parameters exist
    …                                              # any optimizer of parameter_groups(prepared)
    freeze(prepared)
    program = export(convert(prepared))
"""

from __future__ import annotations

import copy
import importlib
from collections import Counter
from collections.abc import Iterable
from typing import Any, Self, cast

from torch import Tensor, nn
from torch.fx import GraphModule
from torch.utils import _pytree as pytree
from xdsl.utils.exceptions import VerifyException

from lut_opt.dialects.assembly import Program, context, describe_location, parse
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.frontends.torch.calibration import Calibration
from lut_opt.frontends.torch.calibration import calibrate as observe
from lut_opt.frontends.torch.exporting import export_text
from lut_opt.frontends.torch.graph import Graph, Inputs
from lut_opt.frontends.torch.qat.config import Config, QatError
from lut_opt.frontends.torch.qat.places import Place, describe, number_in, numbered, place_of
from lut_opt.frontends.torch.qat.slots import Slot, make_slot, place_slots
from lut_opt.frontends.torch.qat.windows import Window, windows
from lut_opt.frontends.torch.traced import Traced
from lut_opt.passes.support.diagnostics import OpError


class Prepared(nn.Module):
    """
    A copy of a model in which units take the place of its non-linear operators.

    Its parameters have the names of the graph; `slots` are the units, by the number of their op in
    the lowered program, `left` the lines of what stays as it is. It is called as the model was.
    """

    graph: GraphModule | None

    def __init__(self, model: nn.Module, inputs: Inputs, config: Config) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)
        self.inputs, self.config = inputs, config
        self.calibration: Calibration | None = None
        self.graph = None
        self.slots: dict[int, Slot] = {}
        self.left: list[str] = []
        self.is_frozen = False

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """What the model returns, as far as tensors go. QatError from a backward pass if frozen."""
        results = self.calibrated(*inputs, **keywords)
        if self.is_frozen:
            leaves: list[Any] = pytree.tree_leaves(results)
            for result in leaves:
                if isinstance(result, Tensor) and result.requires_grad:
                    cast(Any, result).register_hook(self._refuse_gradient)
        return results

    def _refuse_gradient(self, _: Tensor) -> None:
        raise self._is_final()

    def _is_final(self) -> QatError:
        """What to say to whoever trains a frozen model, with the first unit's line."""
        first = next((slot.name for slot in self.slots.values()), "the model")
        return QatError(
            f"{first} is frozen, and so are the others: train before qat.freeze, or prepare the "
            "model again"
        )

    @property
    def calibrated(self) -> GraphModule:
        """The graph that is trained. QatError, with the first unit's line, where there is none."""
        if self.graph is not None:
            return self.graph
        traced = Traced(self.model, dynamic_shapes=self.config.dynamic_shapes, linear=True)
        graph = traced.graph(self.model, self.inputs)
        found = [node for node in graph.non_linear if node not in graph.constant]
        what = describe(found[0]) if found else "the model"
        raise QatError(f"{what} has no calibrated range: call qat.calibrate before")

    def train(self, mode: bool = True) -> Self:
        """
        Whether it is trained; the graph is that of evaluation either way, without dropout.

        QatError for a model that is frozen.
        """
        if mode and self.is_frozen:
            raise self._is_final()
        self.training = mode
        return self


def prepare(model: nn.Module, example_inputs: Any, config: Config = Config()) -> Prepared:
    """A copy of a model to be trained; the example says shapes and types, as in `calibrate`."""
    return Prepared(model, Inputs.of(example_inputs), config)


def calibrate(prepared: Prepared, batches: Iterable[Any]) -> None:
    """
    Run batches, choose scales, find tables for their windows, and put units in their places.

    Raises `QatError`, with the line, where a unit cannot be made.
    """
    config, model = prepared.config, prepared.model
    batches = list(batches)
    calibration = observe(
        model,
        batches,
        method=config.method,
        bits=config.bits,
        dynamic_shapes=config.dynamic_shapes,
        linear=True,
    )
    assert calibration.traced is not None
    traced = calibration.traced.graph(model, prepared.inputs)
    program, places = _lowered(prepared, calibration, traced)
    module: Any = traced.program.module()
    found = [(i, place) for i, place in enumerate(places) if isinstance(place, Place)]
    prepared.left = [place for place in places if isinstance(place, str)]
    try:
        units = [place.unit for _, place in found]
        tables = windows(program.module, units, config.octaves, config.search)
    except (OpError, ValueError, VerifyException) as error:
        raise QatError(_readable(error, traced)) from error
    for (number, place), window in zip(found, tables, strict=True):
        prepared.slots[number] = _slot(place, window, module, config)
    place_slots(((f"unit_{i}", prepared.slots[i], place) for i, place in found), module)
    prepared.graph = _with_linear(module, config.quantizer, batches)
    for number, _ in found:
        # A quantizer may have copied the graph.
        slot = prepared.graph.get_submodule(f"unit_{number}")
        assert isinstance(slot, Slot)
        prepared.slots[number] = slot
    prepared.calibration = calibration


def _slot(place: Place, window: Window, module: GraphModule, config: Config) -> Slot:
    if window.is_lossy and not config.search.allow_lossy:
        raise QatError(
            f"{place.name}: the results of its table are no better than zeros: give it more "
            "entries, bits or parameter bits, or Config(search=PwlSearchPass(allow_lossy=True))"
        )
    return make_slot(place, window, module, config.octaves, config.slope)


def _lowered(
    prepared: Prepared, calibration: Calibration, traced: Graph
) -> tuple[Program, list[Place | str]]:
    """The lowered program, and where each of its units is; a name where that cannot be said."""
    given = prepared.inputs
    arguments = (dict(given.keyword),) if given.keyword else given.positional
    with numbered(traced) as nodes:
        text = export_text(prepared.model, *arguments, calibration=calibration,
                           dynamic_shapes=prepared.config.dynamic_shapes)  # fmt: skip
    ctx = context()
    program = parse(text, "model", ctx)
    try:
        prepared.config.lowering.apply(ctx, program.module)
    except (OpError, VerifyException) as error:
        raise QatError(_readable(error, traced)) from error
    units = [op for op in program.module.walk() if isinstance(op, ApplyOp | UnitOp)]
    numbers = [number_in(describe_location(op)) for op in units]
    alone = Counter(n for n in numbers if n is not None)
    places: list[Place | str] = []
    for unit, number in zip(units, numbers, strict=True):
        place = place_of(unit, nodes, traced, alone)
        unknown = unit.name if number is None else describe(nodes[number])
        places.append(unknown if place is None else place)
    return program, places


def _readable(error: Exception, traced: Graph) -> str:
    """A diagnostic with the source line in the place of the node's number."""
    number = number_in(str(getattr(error, "location", "")))
    nodes = list(traced.program.graph.nodes)
    return f"{describe(nodes[number])}: {error}" if number is not None else str(error)


def _with_linear(module: GraphModule, quantizer: Any, batches: Iterable[Any]) -> GraphModule:
    """With what quantizes linear layers while they learn."""
    if quantizer is None:
        return module
    graph: GraphModule = pt2e().prepare_qat_pt2e(module, quantizer)

    def run() -> None:
        for inputs in map(Inputs.of, batches):
            graph(*inputs.positional, **inputs.keyword)

    _learnt().learn_scales(graph, run)
    return graph


def _learnt() -> Any:
    """Needs torchao, which not everybody has."""
    return importlib.import_module("lut_opt.frontends.torch.qat.learnt")


def pt2e() -> Any:
    """torchao's quantization of exported programs."""
    return importlib.import_module("torchao.quantization.pt2e.quantize_pt2e")


def parameter_groups(
    prepared: Prepared, *, lr: float, scale_lr: float | None = None, weight_decay: float = 0.0
) -> list[dict[str, Any]]:
    """
    Groups for an optimizer: weights, and scales, which have no weight decay.

    `scale_lr` is the learning rate of the scales' exponents, ten times `lr` by default.
    """
    graph = prepared.calibrated
    scales = [s.exponent for slot in prepared.slots.values() for s in slot.scales]
    if prepared.config.quantizer is not None:
        scales += _learnt().learnt_scales(graph)
    learnt = [p for p in scales if p.requires_grad]
    own = {id(p) for p in scales}
    weights = [p for p in graph.parameters() if id(p) not in own and p.requires_grad]
    rate = 10.0 * lr if scale_lr is None else scale_lr
    groups: list[dict[str, Any]] = [{"params": weights, "lr": lr, "weight_decay": weight_decay}]
    if learnt:
        groups.append({"params": learnt, "lr": rate, "weight_decay": 0.0})
    return groups


def freeze(prepared: Prepared) -> None:
    """
    Keep every scale as it is, and end training.

    Raises `QatError`, with the line, for a scale at the edge of its window.
    """
    _ = prepared.calibrated
    for slot in prepared.slots.values():
        for scale in slot.scales:
            if scale.at_edge:
                size = scale.values[scale.octave]
                raise QatError(
                    f"{slot.name}: its scale {size} is the last of its window, so that it may not "
                    "be where it wants to be: widen the window (Config(octaves=…)), or lower "
                    "scale_lr"
                )
            scale.freeze()
    if prepared.config.quantizer is not None:
        for exponent in _learnt().learnt_scales(prepared.calibrated):
            exponent.requires_grad_(False)
    prepared.is_frozen = True
    prepared.eval()
