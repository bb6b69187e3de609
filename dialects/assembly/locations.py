"""Where an op comes from, for diagnostics."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import ArrayAttr, CallSiteLoc, FileLineColLoc, FusedLoc, NameLoc
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import ParseError

UNKNOWN = "<unknown>"
"""What stands for the place of an op that has none, nor those around it."""

LIBRARIES = ("/site-packages/", "/dist-packages/")
"""Paths of code that the user did not write, so that no diagnostic points there if it can help."""


def describe_location(op: Operation) -> str:
    """
    Place of an op as `file:line:col`: the innermost frame of the user's own code.

    An op without any place borrows that of the op around it.

    Example: `loc(callsite("…/site-packages/torch/nn/modules/linear.py":134:0 at "model.py":16:0))`
    gives `model.py:16:0`.
    """
    place: Operation | None = op
    while place is not None:
        frames = list(_frames(place.location))
        own = [frame for frame in frames if not any(path in frame for path in LIBRARIES)]
        if frames:
            return (own or frames)[0]
        place = place.parent_op()
    return UNKNOWN


def describe_layer(op: Operation) -> str:
    """The layer of the model that an op comes from, `encoder.0.act`; empty where none is known."""
    location: Attribute = op.location
    while isinstance(location, CallSiteLoc):
        location = location.callee
    return location.desc.data if isinstance(location, NameLoc) else ""


def error_location(error: ParseError) -> str:
    """Place of a syntax error as `file:line:col`; the message is `error.msg`."""
    span = error.span
    if isinstance(content := span.input.content, bytes):
        content = content.decode("latin-1")
    line_start = content.rfind("\n", 0, span.start) + 1
    line = content.count("\n", 0, line_start) + 1
    return f"{span.input.name}:{line}:{span.start - line_start + 1}"


def _frames(location: Attribute) -> Iterator[str]:
    """The files and lines within a location, innermost first; a bare name where there are none."""
    match location:
        case FileLineColLoc():
            yield f"{location.filename.data}:{location.line.data}:{location.column.data}"
        case CallSiteLoc():
            yield from _frames(location.callee)
            yield from _frames(location.caller)
        case FusedLoc():
            yield from _frames(location.locations)
        case ArrayAttr():
            for part in location:
                yield from _frames(part)
        case NameLoc():
            inner = list(_frames(location.location))
            yield from inner or [location.desc.data]
        case _:
            pass
