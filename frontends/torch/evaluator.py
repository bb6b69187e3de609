"""
A program of the `torch` dialect, run by PyTorch: its units on integers or in real numbers.

    evaluator = Evaluator(program)              # lowered, with its tables; nothing is compiled
    values = evaluator.run(inputs)              # every unit as the real function that it stands for
    evaluator.outputs(values)
    evaluator.alone(values, evaluator.units[3]) # the outputs, that unit on integers
    evaluator.run(inputs, evaluator.units)      # all of them: what compiled code computes
    evaluator.run_with(inputs, {unit: another}) # one of them, with the types and tables of another

A unit on integers computes bit for bit what its semantics say; everything else is PyTorch's own.
Quantized values are held as the reals that they stand for, so that each unit is free to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.assembly import Program, Resources
from lut_opt.dialects.pwl import ApplyOp, FnAttr, UnitOp
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.quant import DequantizeCastOp, QuantizeCastOp, StorageCastOp
from lut_opt.dialects.quantization import Reals
from lut_opt.frontends import aten
from lut_opt.passes.support.diagnostics import OpError

Values = Mapping[SSAValue, Any]
"""What one run computed; tensors and Python scalars."""

Unit = ApplyOp | UnitOp

Function = Callable[[list[Reals]], Reals]
"""A unit on its operands."""


class Evaluator:
    """One program; `units` are its operators on integers, in program order."""

    def __init__(self, program: Program) -> None:
        functions = [op for op in program.module.ops if isinstance(op, FuncOp)]
        self._main = next(op for op in functions if op.sym_name.data == "main")
        self._resources = Resources(program.resources)
        ops = list(self._main.body.block.ops)
        self.units: tuple[Unit, ...] = tuple(op for op in ops if isinstance(op, ApplyOp | UnitOp))
        constant: dict[SSAValue, Any] = {}
        self._steps: list[_Step] = []
        for op in ops:
            if not op.results:
                continue
            step = _Step(op, tuple(op.operands), self._computation(op))
            fixed = step.compute is not None and not _is_random(op)
            if fixed and all(operand in constant for operand in op.operands):
                constant.update(self._computed(step, constant, {}))
            else:
                self._steps.append(step)
        self._constant = constant
        self._functions: dict[tuple[Unit, bool], Function] = {}

    def run(self, inputs: Sequence[torch.Tensor], integer: Collection[Unit] = ()) -> Values:
        """All values for the program's inputs; `integer` are the units that compute on integers."""
        return self.run_with(inputs, {unit: unit for unit in integer})

    def run_with(self, inputs: Sequence[torch.Tensor], units: Mapping[Unit, Unit]) -> Values:
        """The same, each of these units with the types and tables of that which it maps to."""
        values = dict(self._constant)
        values.update(zip(self._main.body.block.args, inputs, strict=True))
        with torch.no_grad():
            for step in self._steps:
                values.update(self._computed(step, values, units))
        return values

    def alone(self, values: Values, *units: Unit) -> list[torch.Tensor]:
        """The outputs with one unit on integers, or some, that are real in `values`."""
        return self.instead(values, {unit: unit for unit in units})

    def instead(self, values: Values, units: Mapping[Unit, Unit]) -> list[torch.Tensor]:
        """The same with units that stand for others, whose types and tables may differ."""
        changed: dict[SSAValue, Any] = {}
        both = _Both(changed, values)
        reached = False
        with torch.no_grad():
            for step in self._steps:
                is_one = step.op in units
                reached = reached or is_one
                if is_one or (reached and any(operand in changed for operand in step.operands)):
                    changed.update(self._computed(step, both, units))
        return self.outputs(both)

    def noise(self, values: Values, unit: Unit, given: Unit) -> float:
        """The mean squared error of a unit's results, with the types and tables of another."""
        arrays = [values[operand].to(torch.float64).numpy() for operand in unit.operands]
        wanted = values[unit.results[0]].to(torch.float64).numpy()
        with np.errstate(all="ignore"):
            made = self._function(given, True)(arrays)
            return float(np.nan_to_num(np.square(made - wanted)).mean())

    def outputs(self, values: Values | _Both) -> list[torch.Tensor]:
        """What the program returns."""
        last = self._main.body.block.last_op
        assert isinstance(last, ReturnOp)
        return [values[operand] for operand in last.operands]

    def _computed(
        self, step: _Step, values: Values | _Both, units: Mapping[Unit, Unit]
    ) -> dict[SSAValue, Any]:
        """The results of one step. `OpError` for one that PyTorch refuses."""
        op = step.op
        operands = [values[operand] for operand in step.operands]
        if step.compute is not None:
            made = step.compute(operands)
        else:
            assert isinstance(op, ApplyOp | UnitOp)
            made = self._of_unit(op, operands, units)
        if len(op.results) == 1:
            return {op.results[0]: made}
        return dict(zip(op.results, made, strict=True))

    def _computation(self, op: Operation) -> aten.Computation | None:
        """What computes an op, None for a unit. `OpError` for one that PyTorch does not have."""
        match op:
            case ApplyOp() | UnitOp():
                return None
            case QuantizeCastOp():  # to at least the precision that PyTorch would compute in
                return lambda x: x[0].to(torch.promote_types(x[0].dtype, torch.float32))
            case DequantizeCastOp():
                dtype = aten.dtype_of(op, op.result.type)
                return lambda x: x[0].to(dtype)
            case StorageCastOp():
                raise OpError(op, f"{op.name} has no meaning in real numbers")
            case _ if not aten.has_effect(op):
                return lambda _: None if len(op.results) == 1 else [None] * len(op.results)
            case _:
                return aten.computation(op, self._resources)

    def _of_unit(self, op: Unit, operands: list[Any], units: Mapping[Unit, Unit]) -> torch.Tensor:
        """A unit's result, on integers if it is one of these, with the tables of what it is to."""
        if op not in units and (function := _own_function(op)) is not None:
            return function(operands[0])
        computes = self._function(units.get(op, op), op in units)
        arrays = [operand.to(torch.float64).numpy() for operand in operands]
        return torch.as_tensor(np.ascontiguousarray(computes(arrays)))

    def _function(self, op: Unit, integer: bool) -> Function:
        """What a unit computes, found once: to read it off the op takes as long as a short row."""
        key = op, integer
        if key not in self._functions:
            self._functions[key] = (_integers if integer else _reals)(op)
        return self._functions[key]


class _Step(NamedTuple):
    """An op of the program, its operands, and what computes it unless it is a unit."""

    op: Operation
    operands: tuple[SSAValue, ...]
    compute: aten.Computation | None


class _Both:
    """Some values in front of others."""

    def __init__(self, first: Values, rest: Values) -> None:
        self._first, self._rest = first, rest

    def __getitem__(self, key: SSAValue) -> Any:
        return self._first[key] if key in self._first else self._rest[key]


def _is_random(op: Operation) -> bool:
    return "rand" in op.name or "bernoulli" in op.name


def _integers(op: Unit) -> Function:
    """What a unit computes on the stored integers of reals, as reals."""
    if isinstance(op, UnitOp):
        unit, axes = op.unit(), op.row_axes
        storages = (unit.operand, *unit.parameters.values())

        def on_rows(arrays: list[Reals]) -> Reals:
            stored = [by.quantize(array) for array, by in zip(arrays, storages, strict=True)]
            return unit.result.dequantize(unit.evaluate(*stored, axes=axes))

        return on_rows
    assert op.table is not None
    table, operand, result = op.table.data, op.input_quantization, op.result_quantization
    reduced = None if op.reduce is None else op.reduced()

    def on_elements(arrays: list[Reals]) -> Reals:
        q = operand.quantize(arrays[0])
        return result.dequantize(
            table.evaluate(q, result) if reduced is None else reduced.evaluate(q)
        )

    return on_elements


def _gelu(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * torch.erfc(x * -(0.5**0.5))


_OWN: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": _gelu,
    "erf": torch.erf,
    "erfc": torch.erfc,
}
"""Functions that PyTorch computes as well as the registry, which asks for each number by itself."""


def _own_function(op: Unit) -> Callable[[torch.Tensor], torch.Tensor] | None:
    if not isinstance(op, ApplyOp) or not isinstance(op.function, FnAttr):
        return None
    return _OWN.get(op.function.data.function)


def _reals(op: Unit) -> Function:
    """The function that a unit approximates."""
    if isinstance(op, ApplyOp):
        function = real_function(op)
        return lambda arrays: _quietly(function, arrays)
    unit, axes = op.unit(), op.row_axes
    if not axes:
        return lambda arrays: _quietly(unit.real, arrays)
    last = range(-len(axes), 0)

    def on_rows(*arrays: Reals) -> Reals:
        moved = np.moveaxis(arrays[0], axes, last)
        rows = moved.reshape(*moved.shape[: moved.ndim - len(axes)], -1)
        made = unit.real(rows, *(parameter.reshape(-1) for parameter in arrays[1:]))
        return np.moveaxis(made.reshape(moved.shape), last, axes)

    return lambda arrays: _quietly(on_rows, arrays)


def _quietly(function: Callable[..., Reals], arrays: list[Reals]) -> Reals:
    with np.errstate(all="ignore"):
        return function(*arrays)
