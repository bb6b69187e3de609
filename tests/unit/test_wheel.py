"""A built wheel is whole without the repository, and its base needs xdsl and NumPy alone."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BASE_ALONE = """
import sys

class Extras:
    # What a bare environment does not have: any module that is neither Python's nor the base's.
    base = {"lut_opt", "numpy", "xdsl", "immutabledict", "ordered_set", "typing_extensions"}

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in self.base and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Extras())
from lut_opt.cli import main
import lut_opt
assert lut_opt.__file__.startswith(sys.argv[1]), lut_opt.__file__
sys.exit(main(sys.argv[2:]))
"""

MODEL = """
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = math.tanh %x {pwl.range = [-4.0, 4.0]} : tensor<4xf32>
  return %y : tensor<4xf32>
}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_module_is_in_the_wheel(installed: Path) -> None:
    sources = {"dialects", "passes", "frontends", "backends"}
    here = {path.relative_to(ROOT) for top in sources for path in (ROOT / top).rglob("*.py")}
    there = {path.relative_to(installed / "lut_opt") for path in installed.rglob("lut_opt/**/*.py")}
    assert here - there == set()
    assert (installed / "lut_opt" / "py.typed").exists()
    assert not [path for path in installed.rglob("*") if path.is_symlink()]


def test_the_base_needs_xdsl_and_numpy_alone(installed: Path) -> None:
    passes = ["--lower-nonlinear-to-pwl", "--pwl-search", "--verify-pwl", "--convert-pwl-to-arith"]
    command = [sys.executable, "-c", BASE_ALONE, str(installed), "-", *passes]
    done = subprocess.run(
        command,
        input=MODEL,
        env={"PYTHONPATH": str(installed)},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert "pwl." not in done.stdout
    assert "arith." in done.stdout
