"""The model that `MODULE:NAME` names: what is imported, called, and found there."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any


class UsageError(ValueError):
    """A wrong argument: what is wrong with it and what it must be."""


def keywords(texts: Sequence[str]) -> dict[str, Any]:
    """Read `width=64`: a Python literal, or else text."""
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"--arg {text}: it must look like width=64")
        try:
            found[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[key] = value
    return found


def located(text: str) -> tuple[str, str]:
    """Module and name of `package.module:Name` or `model.py:Name`."""
    module, colon, name = text.rpartition(":")
    if not colon or not module or not name:
        raise UsageError(
            f"{text}: it must look like package.module:Name, model.py:Name or model.onnx"
        )
    return module, name


def imported(module: str) -> ModuleType:
    """Import a module by its name or its file. An exception in it is a ValueError with its line."""
    path = Path(module)
    if path.suffix != ".py":
        sys.path.insert(0, os.getcwd())
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name and not f"{module}.".startswith(f"{error.name}."):
                raise
            raise UsageError(
                f"no module `{module}`; give a .py file or an importable module"
            ) from error
    if not path.is_file():
        raise UsageError(f"no file `{module}`")
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"`{module}` is not a Python file")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = loaded
    try:
        spec.loader.exec_module(loaded)
    except Exception as error:
        raise _in_user_code(error, f"importing {module}") from error
    return loaded


def _in_user_code(error: Exception, doing: str) -> ValueError:
    """The user's own exception, as a diagnostic with the innermost line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return ValueError(f"{frame.filename}:{frame.lineno}: {doing}: {type(error).__name__}: {error}")


def made(module: ModuleType, name: str, keywords: Mapping[str, Any]) -> Any:
    """The `nn.Module` that a name in a module is, or that the class or factory there makes."""
    from torch import nn

    model: Any = getattr(module, name, None)
    if model is None:
        raise UsageError(f"`{module.__name__}` has no `{name}`")
    if not isinstance(model, nn.Module):
        if not callable(model):
            raise UsageError(
                f"`{name}` is a {type(model).__name__}; it must be a class or a factory"
            )
        try:
            model = model(**keywords)
        except TypeError as error:
            raise UsageError(f"`{name}` cannot be called so: {error}; see --arg") from error
        except Exception as error:
            raise _in_user_code(error, f"calling {name}") from error
    elif keywords:
        raise UsageError(f"`{name}` is a model already; --arg is for a class or a factory")
    if not isinstance(model, nn.Module):
        raise UsageError(f"`{name}` makes a {type(model).__name__}; it must make a torch.nn.Module")
    return model
