"""The gallery shows what the units are today."""

from __future__ import annotations

import pytest
from gallery.page import FOLDER, PAGE, cost, page, pictures, without_figures
from gallery.units import UNITS, Shown

from lut_opt.backends.synthesis.liberty import OSU_018

MOST = 40_000
"""Bytes of a picture."""


@pytest.mark.parametrize("shown", UNITS, ids=[shown.name for shown in UNITS])
def test_pictures_are_current(shown: Shown) -> None:
    """Ports as the unit has them, waves as they are simulated, by a bench that passes."""
    for name, text in pictures(shown).items():
        path = FOLDER / name
        assert path.read_text("utf-8") == text, "run PYTHONPATH=tests python -m gallery --write"
        assert len(text) < MOST


def test_page_is_current_but_for_areas() -> None:
    text = PAGE.read_text("utf-8")
    assert without_figures(text) == without_figures(page({}))
    assert text.count("NAND2, path") == len(UNITS)


@pytest.mark.hardware
@pytest.mark.skipif(OSU_018.exists(), reason="areas are not in Debian's cells")
def test_areas_are_current() -> None:
    assert page({shown.name: cost(shown) for shown in UNITS}) == PAGE.read_text("utf-8")
