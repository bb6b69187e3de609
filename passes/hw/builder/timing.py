"""When the results of a module come, in the words of its header."""

from __future__ import annotations


def cycles(latency: int) -> str:
    """Such as `1 cycle`."""
    return f"{latency} cycle{'' if latency == 1 else 's'}"


def describe_timing(latency: int) -> str:
    """What follows `latency:` in the header of a module with ports x and y."""
    return f"{cycles(latency)}{', one input a cycle' if latency else ' (combinational)'}"
