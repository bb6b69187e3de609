"""What reaches the terminal: our warnings and the model's, and not what libraries say."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from lut_opt.frontends.torch.notices import ExportWarning, diagnostic, quiet, terminal

pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[torch]")

LOUD = """\
import logging
import os
import sys
import warnings

import torch
from torch import nn
from torch.nn import functional as F

print("printed by the model")
os.system("echo printed by a child")
warnings.warn("random weights")
warnings.warn("old name", DeprecationWarning)
logging.getLogger("library").warning("a log line")
for i in range(3):
    print(f"\\rLoading weights: {i}/3", end="", file=sys.stderr)


class Net(nn.Module):
    def forward(self, x):
        print("printed by forward")
        return F.dropout(torch.tanh(x), 0.5, True)
"""


def test_a_loud_model_leaves_stdout_to_the_text(tmp_path: Path) -> None:
    model = tmp_path / "loud.py"
    model.write_text(LOUD)
    code = "from lut_opt.frontends.torch.command import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, f"{model}:Net", "--input", "2x4xf32"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith('"builtin.module"()')
    for kept in (
        "printed by the model\n",
        "printed by a child\n",
        "printed by forward\n",
        f"{model}:12:0: warning: random weights\n",
        f"{model}:22:0: warning: `dropout` drops at random",
    ):
        assert kept in done.stderr
    for noise in ("Loading weights", "old name", "a log line", "Failed to load", "_pytree"):
        assert noise not in done.stderr


def test_diagnostics() -> None:
    assert diagnostic("lut-export", "error", "a.py:3: what") == "a.py:3:0: error: what"
    assert diagnostic("lut-export", "error", "no: place") == "lut-export: error: no: place"
    assert diagnostic("p", "warning", "C:/a.py:3: what") == "C:/a.py:3:0: warning: what"


def test_warnings_as_diagnostics(capfd: pytest.CaptureFixture[str]) -> None:
    with terminal("lut-export"):
        with quiet(warn=True):
            warnings.warn_explicit("of a library", UserWarning, "/x/site-packages/a.py", 1)
            warnings.warn_explicit("of the model", UserWarning, "/x/model.py", 2)
        warnings.warn("model.py:7: ours", ExportWarning, stacklevel=1)
        print("printed")
    seen = capfd.readouterr()
    assert seen.out == ""
    assert (
        seen.err == "/x/model.py:2:0: warning: of the model\nmodel.py:7:0: warning: ours\nprinted\n"
    )
