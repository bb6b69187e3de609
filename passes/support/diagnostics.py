"""Diagnostics that know which op they are about."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from xdsl.ir import Operation
from xdsl.utils.exceptions import PassFailedException, VerifyException

from lut_opt.dialects.assembly import describe_location


class OpError(PassFailedException):
    """A pass cannot go on because of one op; `location` is its `file:line:col`."""

    def __init__(self, op: Operation, message: str):
        super().__init__(message)
        self.location = describe_location(op)


@contextmanager
def about(op: Operation) -> Generator[None]:
    """Turn a bad value or a failed verification inside into a diagnostic on `op`."""
    try:
        yield
    except OpError:
        raise
    except (ValueError, VerifyException) as error:
        raise OpError(op, str(error).strip()) from error


def remark(op: Operation, pass_name: str, message: str) -> None:
    """Tell the user, on stderr, what is worth knowing and no error."""
    print(f"{describe_location(op)}: remark: [{pass_name}] {message}", file=sys.stderr)


def warning(op: Operation, pass_name: str, message: str) -> None:
    """Tell the user, on stderr, what is probably wrong with what was asked for."""
    print(f"{describe_location(op)}: warning: [{pass_name}] {message}", file=sys.stderr)


def copy_location(source: Operation, created: Iterable[Operation]) -> None:
    """Give the ops that a pattern made the location of the op that they replace."""
    for op in created:
        for inner in op.walk():
            inner.location = source.location
