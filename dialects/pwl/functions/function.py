"""What is known of one function, in one object: numbers, slope, formula, and who calls it how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lut_opt.dialects.pwl.functions.scalar import Scalar
from lut_opt.dialects.quantization import Reals

Mask = NDArray[np.bool_]

# One type for each number of parameters, so that a lambda's arguments have theirs.
Evaluate = (
    Callable[[Reals], Reals]
    | Callable[[Reals, float], Reals]
    | Callable[[Reals, float, float], Reals]
    | Callable[[Reals, float, float, float], Reals]
)
Defined = Callable[[Reals], Mask] | Callable[[Reals, float], Mask]
Formula = (
    Callable[[Scalar], Scalar]
    | Callable[[Scalar, float], Scalar]
    | Callable[[Scalar, float, float], Scalar]
    | Callable[[Scalar, float, float, float], Scalar]
)

ScalarT = TypeVar("ScalarT", bound=Scalar)

_PROBES = np.array([-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0])


@dataclass(frozen=True)
class Operator:
    """
    An operator that computes a function: `torch.aten.softplus`, `math.tanh`, `stablehlo.tanh`.

    It takes the function's argument as operand number `argument` and has `constants` as its other
    operands, in order, by the names of the function's parameters. Where one has to have a certain
    value for the operator to be this function, `when` says so; `absent` is what a missing one is.
    """

    name: str
    constants: tuple[str, ...] = ()
    argument: int = 0
    when: Mapping[str, object] = field(default_factory=dict[str, object], hash=False)
    absent: Mapping[str, float] = field(default_factory=dict[str, float], hash=False)

    def bind(self, values: Sequence[object]) -> dict[str, object] | None:
        """Its constants by their names; None where these values make it another function."""
        # `absent` knows None alone: what is computed at run time is no constant at all.
        bound = {
            name: self.absent.get(name) if value is None else value
            for name, value in zip(self.constants, values, strict=False)
        }
        return bound if all(bound.get(k) == v for k, v in self.when.items()) else None


@dataclass(frozen=True)
class Function:
    """
    A real function of one argument with optional constant parameters.

    `evaluate(x, *parameters)` works on float64 arrays, without cancellation over the whole range;
    `derivative` likewise, with PyTorch's choice at a kink. `defined(x, *parameters)` says where
    there is a finite value in exact arithmetic (None: everywhere). `formula` writes the function
    out for chains; by default it is the op of `math` among its `operators`, which say under which
    names programs call it.
    """

    name: str
    evaluate: Evaluate
    parameters: tuple[str, ...] = ()
    defined: Defined | None = None
    derivative: Evaluate | None = None
    formula: Formula | None = None
    operators: tuple[Operator, ...] = ()

    def __call__(self, x: Reals, *parameters: float) -> Reals:
        """Values at `x`; what lies outside the domain comes out as NaN or infinity."""
        return _values(self.evaluate, x, parameters)

    def slope(self, x: Reals, *parameters: float) -> Reals:
        """The derivative at `x`, likewise. ValueError where the registry has none."""
        if self.derivative is None:
            raise ValueError(f"function '{self.name}' has no derivative")
        return _values(self.derivative, x, parameters)

    def is_defined(self, x: Reals, *parameters: float) -> Mask:
        """Boolean mask: where the function has a value."""
        x = np.asarray(x, np.float64)
        if self.defined is None:
            return np.ones(x.shape, dtype=bool)
        defined: Any = self.defined
        return np.broadcast_to(defined(x, *parameters), x.shape)

    def has_values(self, *parameters: float) -> bool:
        """Whether it has a value anywhere: the logarithm of a negative base has none."""
        return bool(self.is_defined(_PROBES, *parameters).any())

    def write(self, x: ScalarT, *parameters: float) -> ScalarT:
        """The function of x, written out."""
        if self.formula is None:
            assert self.math is not None
            return x.call(self.math)
        formula: Any = self.formula
        return formula(x, *parameters)

    @property
    def math(self) -> str | None:
        """The op of MLIR's `math` that is the function, without its dialect."""
        names = (op.name for op in self.operators if not op.constants)
        return next((n.removeprefix("math.") for n in names if n.startswith("math.")), None)


def _values(function: Evaluate, x: Reals, parameters: tuple[float, ...]) -> Reals:
    evaluate: Any = function
    with np.errstate(all="ignore"):
        return np.asarray(evaluate(np.asarray(x, np.float64), *parameters), np.float64)


class Registry(Mapping[str, Function]):
    """Functions by their names; what else is known of operators is asked here."""

    def __init__(self, functions: Iterable[Function] = ()):
        self._functions: dict[str, Function] = {}
        self._called: dict[str, list[tuple[Operator, Function]]] = {}
        for function in functions:
            self.add(function)

    def __getitem__(self, name: str) -> Function:
        return self._functions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    def add(self, function: Function) -> None:
        """
        Register a function.

        ValueError if its name is taken, an operator by two of them, or if chains cannot write it.
        """
        if function.formula is None and function.math is None:
            raise ValueError(f"'{function.name}' needs a formula, or an operator of `math`")
        if function.name in self._functions:
            raise ValueError(f"there is a function '{function.name}' already")
        for operator in function.operators:
            for other, owner in self._called.get(operator.name, ()):
                if other.when == operator.when:
                    raise ValueError(f"{operator.name} is the function '{owner.name}' already")
        self._functions[function.name] = function
        for operator in function.operators:
            calls = self._called.setdefault(operator.name, [])
            calls.append((operator, function))
            # What is asked of constants is asked first.
            calls.sort(key=lambda call: not call[0].when)

    def remove(self, name: str) -> None:
        """Take a function out again."""
        function = self._functions.pop(name)
        for operator in function.operators:
            self._called[operator.name].remove((operator, function))
            if not self._called[operator.name]:
                del self._called[operator.name]

    def operators(self, dialect: str) -> list[str]:
        """Every operator of a dialect that computes a function: those of `torch.aten`, say."""
        prefix = f"{dialect}."
        return [n.removeprefix(prefix) for n in self._called if n.startswith(prefix)]

    def called(self, operator: str) -> Sequence[tuple[Operator, Function]]:
        """The functions that an operator computes, depending on its constants."""
        return self._called.get(operator, ())
