"""
Power of a synthesized module from its switching activity: the netlist is simulated.

    power = power_of(synthesis, {"x": samples}, frequency=500e6)

Each cell takes one time step, all input changes are simulated at once on NumPy arrays, and what
toggles more than once in a cycle is counted as often: glitches are in, but unfiltered by any cell's
inertia. Energies are the Liberty file's: internal power tables at the net's load and a short
transition, ½·C·V² of the pins that a net drives, leakage. Wires weigh nothing, and a clock tree is
not there.

How far to trust it: ratios between modules of one library. `functional` (each net at most once a
cycle) and `total` bracket what a simulation with real delays would give; absolute values lack the
wires. The generic gates know no energies: there the power is the number of gate inputs that switch
in a cycle.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lut_opt.backends.errors import BackendError
from lut_opt.backends.synthesis.cell_models import Bits, CellModel, cell_model
from lut_opt.backends.synthesis.liberty import Library
from lut_opt.backends.synthesis.synthesize import Synthesis, Wiring
from lut_opt.dialects.quantization import Integers

Net = int | str

SAMPLES = 1024
"""Random inputs where none are given."""


@dataclass(frozen=True)
class Power:
    """Mean power in `unit`; `functional` leaves out what toggles more than once in a cycle."""

    total: float
    functional: float
    leakage: float
    unit: str


def power_of(
    synthesis: Synthesis, inputs: Mapping[str, Integers] | None = None, frequency: float = 500e6
) -> Power:
    """
    Simulate a netlist and add up its energies.

    `inputs` gives the sequence of values of input ports (all of one length); other ports are random
    (a fixed seed), but `reset`, which is 0. A value enters in each cycle of `frequency`, in hertz.

    Raises `BackendError` for latches, registers that feed back, and cells whose function is not
    known.
    """
    library = synthesis.library
    models = {name: cell_model(library, name) for name in synthesis.cells}
    if latches := sorted({i.cell for i in synthesis.wiring.instances if models[i.cell].latch}):
        raise BackendError(f"power: {latches[0]} is a latch, which this estimate does not simulate")
    activity = _simulate(synthesis.wiring, models, inputs or {})
    return power_of_activity(synthesis, activity, frequency)


def power_of_activity(synthesis: Synthesis, activity: Activity, frequency: float = 500e6) -> Power:
    """
    The energies of a netlist whose activity is known, at `frequency`, in hertz.

    A clock pin costs its own energy twice a cycle, and its charge where the activity has its net.
    """
    library = synthesis.library
    models = {name: cell_model(library, name) for name in synthesis.cells}
    loads = _loads(synthesis.wiring, models)
    if library.is_generic:
        return _switched_inputs(activity, loads)
    volts = float(library.head.attributes.get("nom_voltage", "1"))
    energies = [(net, 0.5 * load * volts**2) for net, load in loads.items()]
    clocked, leakage = 0.0, 0.0
    for instance in synthesis.wiring.instances:
        model = models[instance.cell]
        leakage += model.leakage
        for pin, net in instance.pins.items():
            if pin == model.clock:
                clocked += 2 * model.energy(pin, 0)
                if net in activity.clocks:
                    clocked += model.capacitances.get(pin, 0.0) * volts**2
            else:
                energies.append((net, model.energy(pin, loads.get(net, 0.0))))
    total, functional = activity.weighed(energies)
    milliwatt = library_unit(library, "capacitive_load_unit") * frequency * 1e3
    still = leakage * library_unit(library, "leakage_power_unit") * 1e3
    return Power(
        (total + clocked) * milliwatt + still,
        (functional + clocked) * milliwatt + still,
        still,
        f"mW at {frequency / 1e6:g} MHz",
    )


def _switched_inputs(activity: Activity, loads: Mapping[Net, float]) -> Power:
    """Of generic gates, which know no energies."""
    pins = {net: load / GENERIC_PIN for net, load in loads.items()}
    total, functional = activity.weighed(pins.items())
    return Power(total, functional, 0.0, "switched gate inputs a cycle")


def settled(synthesis: Synthesis, inputs: Mapping[str, Integers], output: str) -> Integers:
    """The netlist's own values of an output port, unsigned, for a sequence of inputs."""
    models = {name: cell_model(synthesis.library, name) for name in synthesis.cells}
    nets, _ = _settle(synthesis.wiring, models, inputs)
    bits = synthesis.wiring.ports[output].bits
    return sum(
        (nets[bit].astype(np.int64) << at for at, bit in enumerate(bits)), np.zeros(1, np.int64)
    )


@dataclass(frozen=True)
class Activity:
    """Toggles of every net in a cycle, on average: all, and of the settled values alone."""

    toggles: Mapping[Net, float]
    functional: Mapping[Net, float]
    clocks: frozenset[Net] = frozenset()
    """Nets of a clock whose pins are charged twice a cycle; else that is another's to count."""

    def weighed(self, energies: Iterable[tuple[Net, float]]) -> tuple[float, float]:
        """The energy of a cycle from that of a toggle of each net."""
        pairs = [(net, each) for net, each in energies if net in self.functional]
        total = sum(self.toggles[net] * each for net, each in pairs)
        return float(total), float(sum(self.functional[net] * each for net, each in pairs))


GENERIC_PIN = 0.001
"""Capacitance of an input of a generic gate."""


def library_unit(library: Library, key: str) -> float:
    """A unit of the library, in farads or watts."""
    text = library.head.attributes.get(key, "1")
    number = float((re.search(r"[\d.]+", text) or ["1"])[0])
    letters = "".join(re.findall(r"[a-zA-Z]+", text)).lower()
    scale = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3}
    return number * scale.get(letters[:1], 1.0)


def _loads(wiring: Wiring, models: Mapping[str, CellModel]) -> dict[Net, float]:
    loads: dict[Net, float] = defaultdict(float)
    for instance in wiring.instances:
        model = models[instance.cell]
        for pin, net in instance.pins.items():
            if pin not in model.functions and pin != model.clock:
                loads[net] += model.capacitances.get(pin, 0.0)
    return loads


def _simulate(
    wiring: Wiring, models: Mapping[str, CellModel], inputs: Mapping[str, Integers]
) -> Activity:
    nets, order = _settle(wiring, models, inputs)
    functional = {net: np.count_nonzero(bits[1:] != bits[:-1]) for net, bits in nets.items()}
    cycles = max(1, len(nets["0"]) - 1)
    driven = {
        net for cell, _, outputs in order if models[cell].state is None for net in outputs.values()
    }
    toggles = {**functional, **_toggles(order, models, nets, driven)}
    return Activity(
        {net: count / cycles for net, count in toggles.items()},
        {net: count / cycles for net, count in functional.items()},
    )


_Placed = tuple[str, Mapping[str, Net], Mapping[str, Net]]
"""A cell, the nets at its pins, and those of its outputs."""


def _settle(
    wiring: Wiring, models: Mapping[str, CellModel], inputs: Mapping[str, Integers]
) -> tuple[dict[Net, Bits], list[_Placed]]:
    """Every net's settled value in each cycle, and the cells in an order of evaluation."""
    nets = _input_nets(wiring, inputs)
    waiting: list[_Placed] = []
    for instance in wiring.instances:
        names = models[instance.cell].functions
        outputs = {pin: net for pin, net in instance.pins.items() if pin in names}
        waiting.append((instance.cell, instance.pins, outputs))
    order: list[_Placed] = []
    while waiting:
        ready = [one for one in waiting if _is_ready(one, models, nets)]
        if not ready:
            raise BackendError("power: registers feed back, which this estimate does not simulate")
        for cell, pins, outputs in ready:
            model = models[cell]
            values = {pin: nets[net] for pin, net in pins.items() if net in nets}
            for pin, net in outputs.items():
                found = model.functions[pin](values)
                late = np.concatenate([found[:1], found[:-1]])
                nets[net] = found if model.state is None else late
        order += ready
        taken = set(map(id, ready))
        waiting = [one for one in waiting if id(one) not in taken]
    return nets, order


def _input_nets(wiring: Wiring, inputs: Mapping[str, Integers]) -> dict[Net, Bits]:
    length = len(next(iter(inputs.values()))) if inputs else SAMPLES
    rng = np.random.default_rng(0)
    nets: dict[Net, Bits] = {"0": np.zeros(length, bool), "1": np.ones(length, bool)}
    nets["x"] = nets["0"]
    for name, port in wiring.ports.items():
        if not port.is_input:
            continue
        values = inputs.get(name)
        if values is None:
            values = rng.integers(0, 1 << min(62, len(port.bits)), length) * (name != "reset")
        for at, bit in enumerate(port.bits):
            nets[bit] = (values >> at & 1).astype(bool)
    return nets


def _is_ready(placed: _Placed, models: Mapping[str, CellModel], nets: Mapping[Net, Bits]) -> bool:
    """Whether the inputs of a cell have their values; a flip-flop waits for its data alone."""
    cell, pins, outputs = placed
    if (state := models[cell].state) is not None:
        return pins[state.lstrip("~")] in nets
    return all(net in nets for pin, net in pins.items() if pin not in outputs)


def _toggles(
    order: Sequence[_Placed],
    models: Mapping[str, CellModel],
    nets: Mapping[Net, Bits],
    driven: set[Net],
) -> dict[Net, int]:
    """Toggles of the nets that gates drive, where each gate takes one step, over all cycles."""
    gates = [one for one in order if models[one[0]].state is None]
    now = {net: bits[:-1] if net in driven else bits[1:] for net, bits in nets.items()}
    counts = dict.fromkeys(driven, 0)
    readers: dict[Net, list[int]] = defaultdict(list)
    for number, (_, pins, outputs) in enumerate(gates):
        for pin, net in pins.items():
            if pin not in outputs:
                readers[net].append(number)
    waiting = list(range(len(gates)))
    while waiting:
        changes: dict[Net, Bits] = {}
        for cell, pins, outputs in map(gates.__getitem__, waiting):
            values = {pin: now[net] for pin, net in pins.items() if net in now}
            for pin, net in outputs.items():
                found = models[cell].functions[pin](values)
                if (flipped := int(np.count_nonzero(found != now[net]))) > 0:
                    counts[net] += flipped
                    changes[net] = found
        now |= changes
        # The others see what they saw before. This ends: `_settle` has found no loop of gates.
        waiting = sorted({number for net in changes for number in readers[net]})
    return counts
