"""The Python of docs/how-to/onnx.md runs as it stands there."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")
pytest.importorskip("onnx", reason="pip install lut-opt[onnx]")

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "onnx.md"


def test_the_code_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import lut_opt

    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 2
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3)).eval()
    batches = [torch.randn(16, 4) for _ in range(4)]
    names: dict[str, Any] = dict(model=model, batches=batches, torch=torch, lut_opt=lut_opt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile("".join(blocks), str(PAGE), "exec"), names)
    assert names["compiled"].accuracy.met
    torch.testing.assert_close(names["y"], model(batches[0]), atol=0.1, rtol=0.1)
    torch.testing.assert_close(names["module"](batches[0]), model(batches[0]))
    assert "torch.ops.aten.gelu.default" in capsys.readouterr().out
