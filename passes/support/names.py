"""Names that nothing else has."""

from __future__ import annotations

from collections.abc import Callable


def unique_names(taken: set[str]) -> Callable[[str], str]:
    """Makes of a name one with the first free number, if need be, which is then taken."""

    def unique(name: str) -> str:
        number, found = 0, name
        while found in taken:
            number += 1
            found = f"{name}_{number}"
        taken.add(found)
        return found

    return unique
