"""The loop of docs/tutorial/training.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "training.md"


def test_the_loop_of_the_page() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    statements = [line for line in code.splitlines() if line and not line.startswith("import")]
    assert len([line for line in statements if not line.startswith("from")]) == 10
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3))
    batches = [(torch.randn(8, 4), torch.randint(0, 3, (8,))) for _ in range(3)]
    names: dict[str, Any] = {"model": model, "batches": batches}
    exec(compile(code, str(PAGE), "exec"), names)
    text = str(names["program"].module)
    assert text.count("pwl.trained") == 2
    assert "aten.gelu" not in text
