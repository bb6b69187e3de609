"""What goes wrong in a backend through no fault of ours, as its caller sees it."""

from __future__ import annotations

from xdsl.utils.exceptions import DiagnosticException


class BackendError(DiagnosticException, ValueError):
    """A module that a backend cannot take, or a tool that is missing: never a bug of ours."""


class JitError(ValueError):
    """What could not be compiled or run, on which value, and what to do about it."""
