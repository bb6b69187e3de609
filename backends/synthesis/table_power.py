"""
Power of a programmable unit at work: its table stays as it is while inputs come.

    power = working_power(synthesis, {"slope0": 12, …}, x, changes=0.1)

Latches, and registers that keep their value, are more than `power_of` simulates. Here they are
taken out of the netlist, constant bits stand in their place, and what they cost is added up beside:
leakage, what a clock edge costs inside of those whose clock runs, and the charge of the pins on the
clock net. As there, wires and a clock tree weigh nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lut_opt.backends.synthesis.cell_models import CellModel, cell_model
from lut_opt.backends.synthesis.power import Net, Power, library_unit, power_of
from lut_opt.backends.synthesis.synthesize import Instance, Port, Synthesis, Wiring
from lut_opt.dialects.quantization import Integers
from lut_opt.passes.hw.builder.clocks import DATAPATH_CLOCK


def working_power(
    synthesis: Synthesis,
    table: Mapping[str, int],
    x: Integers,
    changes: float = 0.1,
    frequency: float = 500e6,
) -> Power:
    """
    Power with this table, nothing being written, and inputs that change in some cycles.

    `table` has the bits of every word by the name of its register; `x` are inputs as raw bits, of
    which another one comes in the share `changes` of the cycles (a fixed seed), else the last one
    stays. Raises `BackendError` as `power_of` does.
    """
    library = synthesis.library
    models = {name: cell_model(library, name) for name in synthesis.cells}
    netlist = _Netlist(synthesis, models)
    removed = netlist.registers(table)
    moves = np.random.default_rng(0).random(len(x)) < changes
    x = x[np.maximum.accumulate(np.where(moves, np.arange(len(x)), 0))]
    power = power_of(*hold_table(synthesis, table, x), frequency)
    if library.is_generic:
        return power
    farads = library_unit(library, "capacitive_load_unit")
    clocked = netlist.clock_energy(removed) * farads * frequency * 1e3
    leakage = sum(models[one.cell].leakage for one in removed)
    leaked = leakage * library_unit(library, "leakage_power_unit") * 1e3
    return replace(
        power,
        total=power.total + clocked + leaked,
        functional=power.functional + clocked + leaked,
        leakage=power.leakage + leaked,
    )


def hold_table(
    synthesis: Synthesis, table: Mapping[str, int], x: Integers
) -> tuple[Synthesis, dict[str, Integers]]:
    """
    The netlist with constants in place of the table's registers, and values of all its inputs.

    `table` as for `working_power`; x is a new input in each cycle.
    """
    models = {name: cell_model(synthesis.library, name) for name in synthesis.cells}
    netlist = _Netlist(synthesis, models)
    wiring, values = netlist.without(netlist.registers(table), table)
    still = np.zeros(len(x), np.int64)
    inputs = {name: still for name, port in wiring.ports.items() if port.is_input}
    inputs |= {name: still + value for name, value in values.items()}
    return replace(synthesis, wiring=wiring), {**inputs, "x": x}


@dataclass(frozen=True)
class _Netlist:
    synthesis: Synthesis
    models: Mapping[str, CellModel]

    def registers(self, table: Mapping[str, int]) -> list[Instance]:
        """Latches, and what drives the words of the table."""
        words = {net for name in table for net in self.synthesis.wiring.names.get(name, ())}
        return [
            one
            for one in self.synthesis.wiring.instances
            if self._is_latch(one) or words & set(self._outputs(one).values())
        ]

    def without(
        self, removed: Sequence[Instance], table: Mapping[str, int]
    ) -> tuple[Wiring, dict[str, int]]:
        """The netlist with ports in place of those registers, and the values at the ports."""
        wiring = self.synthesis.wiring
        bits: dict[Net, int] = {}
        for name, word in table.items():
            for at, net in enumerate(wiring.names.get(name, ())):
                bits[net] = word >> at & 1
        ports, values = dict(wiring.ports), dict[str, int]()
        for i, one in enumerate(removed):
            for pin, net in self._outputs(one).items():
                ports[f"held {i} {pin}"] = Port(True, (net,))
                values[f"held {i} {pin}"] = bits.get(net, 0)
        gone = set(map(id, removed))
        kept = tuple(one for one in wiring.instances if id(one) not in gone)
        return Wiring(ports, kept, wiring.names), values

    def clock_energy(self, removed: Sequence[Instance]) -> float:
        """
        What the running clock costs in a cycle, in capacitance units times square volts.

        Inside of the registers that are not removed, `power_of` counts it.
        """
        gone = set(map(id, removed))
        clocks = self._clock_nets()
        volts = float(self.synthesis.library.head.attributes.get("nom_voltage", "1"))
        total = 0.0
        for one in self.synthesis.wiring.instances:
            model = self.models[one.cell]
            for pin, net in one.pins.items():
                if net not in clocks or pin in model.functions:
                    continue
                # Twice a cycle, half of C·V² each.
                total += model.capacitances.get(pin, 0.0) * volts**2
                if pin != model.clock or id(one) in gone:
                    total += 2 * model.energy(pin, 0.0)
        return total

    def _clock_nets(self) -> set[Net]:
        """The clock, and what inverters and buffers make of it."""
        ports = self.synthesis.wiring.ports
        found: set[Net] = {
            bit for name in ("clock", DATAPATH_CLOCK) if name in ports for bit in ports[name].bits
        }
        while True:
            more = {
                net
                for one in self.synthesis.wiring.instances
                if not self._is_latch(one) and set(self._inputs(one)) <= found
                for net in self._outputs(one).values()
            }
            if more <= found:
                return found
            found |= more

    def _outputs(self, one: Instance) -> dict[str, Net]:
        names = self.models[one.cell].functions
        return {pin: net for pin, net in one.pins.items() if pin in names}

    def _inputs(self, one: Instance) -> list[Net]:
        names = self.models[one.cell].functions
        return [net for pin, net in one.pins.items() if pin not in names]

    def _is_latch(self, one: Instance) -> bool:
        return self.models[one.cell].latch


__all__ = ["hold_table", "working_power"]
