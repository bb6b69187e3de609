from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

MODELS = Path(__file__).with_name("models.py")


@pytest.fixture(scope="session")
def models() -> ModuleType:
    """The module `models.py` beside the tests."""
    pytest.importorskip("torch", reason="the frontend needs PyTorch: pip install lut-opt[torch]")
    pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[torch]")
    spec = importlib.util.spec_from_file_location("frontend_models", MODELS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
