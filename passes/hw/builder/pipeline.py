"""Registers in a row between a source and a sink, which may stall."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from xdsl.dialects import comb
from xdsl.ir import SSAValue

from lut_opt.passes.hw.builder.circuit import Wire
from lut_opt.passes.hw.builder.sequential import Sequential


class Pipeline:
    """Registers in a row that move in every cycle; `valid` travels with the values."""

    move: SSAValue | None = None
    """Whether the registers take new values; None: always."""

    def __init__(self, circuit: Sequential, name: str) -> None:
        self.circuit, self.name = circuit, name
        self.valid: SSAValue = circuit.constant(0, 1).value
        self._stage = 0

    def stage(self, wires: Mapping[str, Wire], valid: SSAValue | None = None) -> dict[str, Wire]:
        """One register for each wire; the first stage is told what is `valid`."""
        self._stage += 1
        state = self.circuit.state(f"{self.name}_valid_{self._stage}", 0, 1, initial=0)
        self.circuit.drive(state, Wire(self.valid if valid is None else valid, 0, 1), self.move)
        self.valid = state.wire.value
        with self.held():
            return {
                name: self.circuit.register(wire, f"{self.name}_{name}_{self._stage}")
                for name, wire in wires.items()
            }

    def delay(self, wires: Mapping[str, Wire], steps: int) -> dict[str, Wire]:
        """What travels beside a computation of so many steps."""
        moved = dict(wires)
        for _ in range(steps):
            moved = self.stage(moved)
        return moved

    @contextmanager
    def held(self) -> Generator[None]:
        """Registers made inside move with this pipeline."""
        self.circuit.enable = self.move
        yield
        self.circuit.enable = None


class StallingPipeline(Pipeline):
    """A pipeline before a sink that may not be ready: all registers move, or none."""

    def __init__(self, circuit: Sequential, name: str, sink_ready: SSAValue) -> None:
        super().__init__(circuit, name)
        self._gate = comb.OrOp([self.valid, sink_ready])
        self.ready = circuit.add_op(self._gate, f"{name}_move")
        """Whether the first stage takes what it is offered."""
        self.move = self.ready

    def close(self) -> None:
        """No stage follows: it moves when the last stage is empty or its value is taken."""
        self._gate.operands[0] = self.circuit.invert(self.valid)
