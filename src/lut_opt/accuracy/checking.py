"""
Measure a model on integers against PyTorch: the whole network, and each operator by itself.

    report = check(model, batches, require="cosine >= 0.999")
    print(report)                   # a table; report.met says whether it is good enough
    report.operators[0]             # what costs the most

The network is what is deployed: exported, calibrated, lowered, searched, converted, compiled. Each
operator alone is the same program with every other operator in real numbers, which PyTorch
evaluates: what only depends on inputs before that operator is computed once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from lut_opt.accuracy.metrics import Array, Figures, Tally, worst
from lut_opt.accuracy.report import Accuracy, Operator
from lut_opt.accuracy.requirements import Require, Requirements
from lut_opt.backends import jit
from lut_opt.dialects.assembly import Program, context, describe_layer, describe_location, parse
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.support.parallel import threaded

if TYPE_CHECKING:
    from xdsl.passes import ModulePass

    from lut_opt.backends.execute.executable import Executable
    from lut_opt.frontends.torch.calibration import Bits, Calibration
    from lut_opt.frontends.torch.reference import Model, Reference
    from lut_opt.passes.tabulate.units import Solved

HELD_OUT = 4
"""Every so many-th batch is held out where none is given for the purpose."""


class CheckError(ValueError):
    """What cannot be measured, and what to do about it."""


@dataclass(frozen=True)
class Recipe:
    """How a calibrated program becomes tables: the options of the passes."""

    lower: ModulePass = field(default_factory=LowerNonlinearToPwlPass)
    search: ModulePass = field(default_factory=PwlSearchPass)
    convert: ModulePass = field(default_factory=ConvertPwlToArithPass)


def split(batches: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Batches to calibrate on, and every fourth, or else the last, to measure on."""
    if len(batches) < 2:
        raise CheckError(
            f"{len(batches)} batch is given; at least 2 are needed, to calibrate on some and to "
            "measure on others, or a file of others"
        )
    held = {i for i in range(len(batches)) if i % HELD_OUT == HELD_OUT - 1} or {len(batches) - 1}
    seen = [batch for i, batch in enumerate(batches) if i not in held]
    return seen, [batches[i] for i in sorted(held)]


def check(
    model: Any,
    batches: Iterable[Any],
    *,
    held_out: Iterable[Any] | None = None,
    require: Require | None = None,
    recipe: Recipe | None = None,
    method: Literal["minmax", "mse"] = "minmax",
    bits: Bits = 8,
    dynamic_shapes: Any = None,
    decompose: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
    operators: bool = True,
) -> Accuracy:
    """
    Convert a model, and compare it with PyTorch on batches that the calibration has not seen.

    The model is an `nn.Module`, an `ExportedProgram` or the path of an ONNX file. A batch is a
    tensor, a tuple of positional arguments or a mapping of keyword arguments. Without `held_out`,
    every fourth batch is held out; batches to calibrate on may be missing (`()`) for a model that
    is quantized already. `require` is text such as `"cosine >= 0.999"` or a function of
    (reference, result), or several. `operators=False` leaves the single operators out. Raises
    `RequirementError` before anything is run, `CheckError`, `BatchError`, `CalibrationError` and
    `ExportError` for what cannot be measured, calibrated or exported, a pass's own error for what
    cannot be lowered, and `JitError`.
    """
    requirements = Requirements.of(require)
    batches, held_out = list(batches), None if held_out is None else list(held_out)
    given = calibrated(
        _module(model, [*batches, *(held_out or ())], dynamic_shapes is not None),
        batches, held_out=held_out, method=method, bits=bits, dynamic_shapes=dynamic_shapes,
        decompose=decompose, keep=keep,
    )  # fmt: skip
    recipe = recipe or Recipe()
    program = tabulated(given.program, recipe)
    given.clock.stop("tables")
    accuracy, *_ = measured(given, program, recipe, requirements, operators=operators)
    return accuracy


def _module(model: Any, batches: Sequence[Any], dynamic: bool) -> Model:
    from lut_opt.frontends.torch.reference import module_of

    if not batches:
        raise CheckError("no batch is given; calibrate with some, and measure on others")
    try:
        return module_of(model, batches[0], dynamic=dynamic)
    except TypeError as error:
        raise CheckError(str(error)) from error


@dataclass(frozen=True)
class Calibrated:
    """A program with the ranges of its operators, and what it is to be measured on."""

    reference: Reference
    program: Program
    """In the `torch` dialect, nothing lowered."""
    seen: list[Any]
    held: list[Any]
    clock: Clock


def calibrated(
    model: Model,
    batches: Iterable[Any],
    *,
    held_out: Iterable[Any] | None = None,
    method: Literal["minmax", "mse"] = "minmax",
    bits: Bits = 8,
    dynamic_shapes: Any = None,
    decompose: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
) -> Calibrated:
    """Split the batches, calibrate on those that are seen, and export; errors are `check`'s."""
    from lut_opt.frontends.torch.calibration import calibrate
    from lut_opt.frontends.torch.reference import Reference

    seen, held = _batches(model, batches, held_out, dynamic_shapes is not None)
    clock = Clock()
    calibration = None
    if seen:
        calibration = calibrate(
            model, seen, method=method, bits=bits, dynamic_shapes=dynamic_shapes,
            decompose=decompose, keep=keep,
        )  # fmt: skip
        clock.stop("calibrate")
    program = _exported(
        model, held[0] if not seen else seen[0], calibration, dynamic_shapes, decompose, keep
    )
    clock.stop("export")
    return Calibrated(Reference(model), program, seen, held, clock)


def tabulated(program: Program, recipe: Recipe, solved: Solved | None = None) -> Program:
    """A copy of the program with tables; those in `solved` are not searched again."""
    made = Program(program.module.clone(), program.resources, program.name)
    ctx, search = context(), recipe.search
    recipe.lower.apply(ctx, made.module)
    if isinstance(search, PwlSearchPass) and solved is not None:
        search.search(made.module, solved)
    else:
        search.apply(ctx, made.module)
    made.module.verify()
    return made


class Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._start = time.perf_counter()

    def stop(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self._start
        self._start = now


def _batches(
    model: Model, batches: Iterable[Any], held_out: Iterable[Any] | None, dynamic: bool
) -> tuple[list[Any], list[Any]]:
    from lut_opt.frontends.torch.reference import Reference

    seen = list(batches)
    if held_out is None:
        seen, held = split(seen)
    else:
        held = list(held_out)
        if not held:
            raise CheckError("the held-out data holds no batch")
    Reference(model).check([*seen, *held], dynamic=dynamic)
    return seen, held


def _exported(
    model: Model,
    example: Any,
    calibration: Calibration | None,
    dynamic_shapes: Any,
    decompose: tuple[str, ...],
    keep: tuple[str, ...],
) -> Program:
    from lut_opt.frontends.torch.exporting import export_text

    arguments = cast(tuple[Any, ...], example) if isinstance(example, tuple) else (example,)
    text = export_text(
        model, *arguments, calibration=calibration, dynamic_shapes=dynamic_shapes,
        decompose=decompose, keep=keep,
    )  # fmt: skip
    return parse(text, type(model).__name__, context())


def measured(
    given: Calibrated,
    program: Program,
    recipe: Recipe,
    requirements: Requirements,
    *,
    operators: bool = True,
    compile_with: Callable[[Program], Executable] = jit.compile,
) -> tuple[Accuracy, Program, Executable]:
    """
    Measure a program that has its tables; errors are `check`'s.

    With what was measured come the program on integers, and its code.
    """
    from lut_opt.frontends.torch.evaluator import Evaluator

    reference, held, clock = given.reference, given.held, given.clock
    wanted = [as_arrays(reference.run(batch)) for batch in held]
    names = list(wanted[0])
    if not any(np.issubdtype(array.dtype, np.floating) for array in wanted[0].values()):
        raise CheckError("the model returns no floats; only those can be compared")
    clock.stop("PyTorch")
    real: dict[str, Figures] = {}
    integer: dict[str, Figures] = {}
    costs: tuple[Operator, ...] = ()
    if operators:  # first, for what cannot be evaluated is found at once
        evaluator = Evaluator(program)
        real, costs = _by_operator(evaluator, reference, held, wanted)
        integer = _on_integers(evaluator, reference, held, wanted)
        clock.stop("operators")
    converted = Program(program.module.clone(), program.resources, program.name)
    recipe.convert.apply(context(), converted.module)
    run = compile_with(converted)
    clock.stop("compile")
    found = [_named(names, run(*(x.numpy() for x in reference.tensors(batch)))) for batch in held]
    clock.stop("run")
    pairs = list(zip(wanted, found, strict=True))
    outputs = figures(pairs)
    verdicts = requirements.verdicts(outputs, pairs)
    seen = len(given.seen)
    accuracy = Accuracy(seen, len(held), outputs, real, costs, verdicts, clock.seconds, integer)
    return accuracy, converted, run


def _on_integers(
    evaluator: Any, reference: Any, held: list[Any], wanted: list[dict[str, Array]]
) -> dict[str, Figures]:
    """The figures with every operator on integers, in PyTorch."""
    names = list(wanted[0])
    pairs: list[tuple[dict[str, Array], dict[str, Array]]] = []
    for batch, expected in zip(held, wanted, strict=True):
        made = evaluator.outputs(evaluator.run(reference.tensors(batch), evaluator.units))
        pairs.append((expected, as_arrays(dict(zip(names, made, strict=True)))))
    return figures(pairs)


def _by_operator(
    evaluator: Any, reference: Any, held: list[Any], wanted: list[dict[str, Array]]
) -> tuple[dict[str, Figures], tuple[Operator, ...]]:
    names = list(wanted[0])
    tallies = [{name: Tally() for name in names} for _ in evaluator.units]
    exact: list[tuple[dict[str, Array], dict[str, Array]]] = []
    for batch, expected in zip(held, wanted, strict=True):
        values = evaluator.run(reference.tensors(batch))
        real = as_arrays(dict(zip(names, evaluator.outputs(values), strict=True)))
        exact.append((expected, real))
        results = threaded(partial(evaluator.alone, values), evaluator.units)
        for result, tally in zip(results, tallies, strict=True):
            alone = as_arrays(dict(zip(names, result, strict=True)))
            for name in names:
                # Against real numbers, not against PyTorch: what this operator alone changes.
                tally[name].add(real[name], alone[name])
    costs = [_operator(unit, tally) for unit, tally in zip(evaluator.units, tallies, strict=True)]
    costs.sort(key=lambda cost: cost.sqnr)
    return figures(exact), tuple(costs)


def _operator(op: ApplyOp | UnitOp, tally: Mapping[str, Tally]) -> Operator:
    own = {name: each.figures for name, each in tally.items()}
    cosine, sqnr, error = (worst(own, metric) for metric in ("cosine", "sqnr", "error"))
    assert cosine is not None
    assert sqnr is not None
    assert error is not None
    name = op.function_name if isinstance(op, ApplyOp) else op.UNIT.name
    return Operator(name, describe_layer(op), describe_location(op), cosine, sqnr, error)


def figures(
    pairs: Sequence[tuple[Mapping[str, Array], Mapping[str, Array]]],
) -> dict[str, Figures]:
    """The figures of each output, from (reference, result) of each batch."""
    tallies = {name: Tally() for name in pairs[0][0]}
    for reference, result in pairs:
        for name, tally in tallies.items():
            tally.add(reference[name], result[name])
    return {name: tally.figures for name, tally in tallies.items()}


def as_arrays(tensors: Mapping[str, Any]) -> dict[str, Array]:
    """Tensors as arrays, bfloat16 as float32."""
    return {name: _array(tensor) for name, tensor in tensors.items()}


def _array(tensor: Any) -> Array:
    plain = tensor.detach().cpu()
    # NumPy has no bfloat16.
    return (plain.float() if "bfloat16" in str(plain.dtype) else plain).numpy()


def _named(names: Sequence[str], results: Any) -> dict[str, Array]:
    several = cast(tuple[Any, ...], results) if isinstance(results, tuple) else (results,)
    return dict(zip(names, several, strict=True))
