"""When the results of a module come: what its header and its attributes say of it."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute


def timing(latency: int, throughput: int | None = None) -> dict[str, Attribute]:
    """
    `pwl.latency` in cycles and `pwl.throughput` in inputs a cycle.

    A module with registers takes one input a cycle if nothing else is said; a combinational one has
    no cycles.
    """
    found: dict[str, Attribute] = {"pwl.latency": IntegerAttr(latency, i64)}
    if throughput is not None or latency:
        found["pwl.throughput"] = IntegerAttr(throughput or 1, i64)
    return found


def cycles(latency: int) -> str:
    """Such as `1 cycle`."""
    return f"{latency} cycle{'' if latency == 1 else 's'}"


def describe_timing(latency: int) -> str:
    """What follows `latency:` in the header of a module with ports x and y."""
    return f"{cycles(latency)}{', one input a cycle' if latency else ' (combinational)'}"
