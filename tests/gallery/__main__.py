"""Make the gallery, or look whether it is what the code makes."""

from __future__ import annotations

import sys

from gallery.page import FOLDER, PAGE, cost, page, pictures
from gallery.units import ROOT, UNITS

if __name__ == "__main__":
    made = {FOLDER / n: text for shown in UNITS for n, text in pictures(shown).items()}
    made[PAGE] = page({shown.name: cost(shown) for shown in UNITS})
    for path, text in made.items():
        if "--write" in sys.argv:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            name = path.relative_to(ROOT)
            sys.exit(f"{name} is not what the code makes: python -m gallery --write")
