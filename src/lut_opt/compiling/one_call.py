"""
`lut_opt.compile`: calibrate, choose, convert, measure.

    compiled = lut_opt.compile(model, x, calibrate=batches, target="cosine >= 0.999")
    compiled(x)                     # arrays or tensors in and out, integers inside
    print(compiled.accuracy)        # measured on batches that the calibration has not seen
    compiled.report("report.html")
    compiled.save("build")          # MLIR, tables, Verilog with benches, the commands
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from lut_opt.accuracy import Recipe, Requirements
from lut_opt.accuracy.checking import Calibrated, calibrated, measured, tabulated
from lut_opt.accuracy.requirements import Require
from lut_opt.backends import iree, jit
from lut_opt.compiling.candidates import COSTS, FEW_ENTRIES, Cost
from lut_opt.compiling.choice import Choice, choose, sensitivity
from lut_opt.compiling.compiled import Compiled
from lut_opt.compiling.genetic import Evolution
from lut_opt.compiling.store import NOTHING, Store, default_folder
from lut_opt.passes.pwl_search import PwlSearchPass

if TYPE_CHECKING:
    from lut_opt.backends.execute.executable import Executable
    from lut_opt.dialects.assembly import Program
    from lut_opt.frontends.torch.calibration import Bits

Backend = Literal["jit", "iree"]

Way = Literal["ladder", "genetic"]
"""How settings are chosen: by noise powers that add, or bred on what the network itself gives."""

CHOICES: tuple[Way, ...] = get_args(Way)

_COMPILERS: dict[str, Callable[[Program], Executable]] = {"jit": jit.compile, "iree": iree.compile}


class CompileError(ValueError):
    """What cannot be compiled as asked, and what to do about it."""


def compile(
    model: Any,
    example_inputs: Any = None,
    *,
    calibrate: Iterable[Any],
    held_out: Iterable[Any] | None = None,
    target: Require | None = None,
    backend: Backend = "jit",
    recipe: Recipe | None = None,
    method: Literal["minmax", "mse"] = "minmax",
    bits: Bits = 8,
    dynamic_shapes: Any = None,
    decompose: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
    operators: bool = True,
    cost: Cost = "bits",
    choice: Way = "ladder",
    cache: str | os.PathLike[str] | Literal[False] | None = None,
) -> Compiled:
    """
    Convert a model to integers, and measure what it is worth.

    The model is an `nn.Module`, an `ExportedProgram` or the path of an ONNX file, whose open sizes
    are those of the batches. A batch, and `example_inputs`, is a tensor, a tuple of positional
    arguments or a mapping of keyword arguments; all batches have the example's shapes unless
    `dynamic_shapes` says which sizes vary, as for `torch.export`. The model is calibrated on three
    of every four batches, and measured on the others, or on `held_out`. `target` is text such as
    `"cosine >= 0.999"` or a function of (reference, result), or several: then widths of inputs,
    entries and widths of parameters are chosen for each operator, so that the network meets the
    target and the tables have few bits (`cost="area"`: little modelled area); without one, all have
    the passes' defaults, or those of `recipe`. `choice="genetic"` breeds the choice on the network
    itself, for targets that noise says little of; it takes a hundred runs more. Whether the target
    is met is in `accuracy.met`, never assumed: `accuracy` is that of the compiled code on held-out
    batches. `operators=False` does not measure each operator alone. Tables and measurements that
    the choice is made of are kept in `cache`, a folder (`lut-opt` in the user's cache; False:
    nowhere), by their content: a run that was killed goes on where it stopped.

    Raises `CompileError` and the errors of `check`: `RequirementError` before anything is run.
    """
    requirements = Requirements.of(target)
    if backend not in _COMPILERS:
        raise CompileError(f"backend={backend!r}: it must be one of {', '.join(_COMPILERS)}")
    if cost not in COSTS:
        raise CompileError(f"cost={cost!r}: it must be one of {', '.join(COSTS)}")
    if choice not in CHOICES:
        raise CompileError(f"choice={choice!r}: it must be one of {', '.join(CHOICES)}")
    recipe = recipe or Recipe()
    chooses = bool(requirements.conditions or requirements.judges)
    if chooses:
        _check_free(recipe)
    batches = list(calibrate)
    if not batches:
        raise CompileError("calibrate= holds no batch: give some that are typical of the inputs")
    if held_out is None and len(batches) == 1:
        raise CompileError(
            "calibrate= holds one batch: at least 2 are needed, to calibrate on some and to "
            "measure on others, or give others as held_out="
        )
    held = None if held_out is None else list(held_out)
    module = _module(model, batches[0], dynamic_shapes is not None)
    _check_example(module, example_inputs, [*batches, *(held or ())], dynamic_shapes is not None)
    given = calibrated(
        module, batches, held_out=held, method=method, bits=bits, dynamic_shapes=dynamic_shapes,
        decompose=decompose, keep=keep,
    )  # fmt: skip
    if chooses:
        source, program, chosen = _chosen(given, recipe, requirements, _store(cache), cost, choice)
    else:
        source, program, chosen = given.program, tabulated(given.program, recipe), None
        given.clock.stop("tables")
    accuracy, converted, run = measured(
        given, program, recipe, requirements, operators=operators, compile_with=_COMPILERS[backend]
    )
    example = given.seen[0] if example_inputs is None else example_inputs
    name = type(module if isinstance(model, str | os.PathLike) else model).__name__
    return Compiled(
        accuracy, source, program, converted, recipe, chosen, name, backend, run, example
    )


def _chosen(
    given: Calibrated,
    recipe: Recipe,
    requirements: Requirements,
    store: Store,
    cost: Cost,
    way: Way,
) -> tuple[Program, Program, Choice]:
    """What `choose` gives: of settings with few entries, unless more of them might pay."""
    if way == "ladder" and isinstance(recipe.search, PwlSearchPass):
        few = sensitivity(given, recipe, store, cost, FEW_ENTRIES)
        if few.is_complete:
            source, program, found = choose(given, recipe, requirements, few)
            if found.needs_no_more:
                return source, program, found
    evolution = Evolution() if way == "genetic" else None
    every = sensitivity(given, recipe, store, cost)
    return choose(given, recipe, requirements, every, evolution)


def _store(cache: str | os.PathLike[str] | Literal[False] | None) -> Store:
    if cache is False:
        return NOTHING
    return Store(default_folder() if cache is None else Path(cache))


def _module(model: Any, example: Any, dynamic: bool) -> Any:
    from lut_opt.frontends.torch.reference import module_of

    try:
        return module_of(model, example, dynamic=dynamic)
    except TypeError as error:
        raise CompileError(str(error)) from error


def _check_free(recipe: Recipe) -> None:
    search = recipe.search
    if not isinstance(search, PwlSearchPass):
        return
    if search != replace(search, entries=None, param_bits=PwlSearchPass.param_bits, unit_bits=None):
        raise CompileError(
            "a target finds the entries and param-bits of each operator: leave them out of the "
            "recipe, or leave the target out and require= it of lut_opt.check"
        )


def _check_example(model: Any, example: Any, batches: list[Any], dynamic: bool) -> None:
    """All batches must look like the example, which is a batch itself."""
    if example is None:
        return
    from lut_opt.frontends.torch.reference import BatchError, Reference

    try:
        Reference(model).check([example, *batches], dynamic=dynamic)
    except BatchError as error:
        raise BatchError(f"{error} (batch 0 being example_inputs)") from error
