"""The console command `lut-export`: an importable module to MLIR text."""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import torch

_EXAMPLES = """\
examples:
  lut-export torch.nn:GELU --input 2x8xf32
      GELU on a 2×8 tensor, no scales: give them to lut-opt with input-scale=.

  lut-export model.py:Net --arg width=64 --input 4x64xf32 --calibrate random:16 -o net.mlir
      Net(width=64) of the file model.py, calibrated on 16 batches of normal random numbers.

  lut-export my.models:build --input 8x32xi64 --input 8x32xi64 --calibrate tokens.npz --method mse
      What my.models.build() returns, calibrated on the arrays of tokens.npz: one array an input, in
      order, with one more dimension in front (the batches).

  lut-export model.py:Net --input 4x64xf32 --calibrate random:16 | lut-opt --lower-nonlinear-to-pwl

An input is DIMxDIMx…xTYPE with TYPE one of f32, f64, f16, bf16, i8, i16, i32, i64, i1; example
inputs are normal random numbers, integers 0 or 1. Exit codes: 0 done, 1 the model cannot be
exported, 2 wrong usage, 70 a bug.
"""

_TYPES = {
    "f32": "float32",
    "f64": "float64",
    "f16": "float16",
    "bf16": "bfloat16",
    "i1": "bool",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
}


class UsageError(ValueError):
    """A wrong argument: what is wrong with it and what it must be."""


@dataclass(frozen=True)
class TensorType:
    """One example input."""

    shape: tuple[int, ...]
    dtype: str

    @staticmethod
    def parse(text: str) -> TensorType:
        """Read `2x8xf32`; a bare type is a 0-d tensor."""
        *dims, element = text.split("x")
        if element not in _TYPES or not all(dim.isdecimal() for dim in dims):
            raise UsageError(
                f"--input {text}: it must look like 2x8xf32, with a type of {', '.join(_TYPES)}"
            )
        return TensorType(tuple(int(dim) for dim in dims), _TYPES[element])

    def random(self, generator: torch.Generator) -> torch.Tensor:
        """Standard normal numbers, or integers 0 and 1."""
        import torch

        dtype = getattr(torch, self.dtype)
        if dtype.is_floating_point:
            return torch.randn(self.shape, generator=generator).to(dtype)
        return torch.randint(0, 2, self.shape, generator=generator).to(dtype)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    options = _parser().parse_args(arguments)
    try:
        _write(_run(options), options.output)
    except UsageError as error:
        sys.exit(_failed(str(error), 2))
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")
        sys.exit(1)
    except (ValueError, ImportError, OSError) as error:
        if options.debug:
            traceback.print_exc()
        if isinstance(error, ImportError) and error.name in ("torch", "torch_mlir"):
            error = ImportError(f"{error.name} is missing: pip install 'lut-opt[torch]'")
        sys.exit(_failed(str(error), 1))
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        sys.exit(
            _failed(f"internal error: {type(error).__name__}: {error} (--debug shows more)", 70)
        )


def _failed(message: str, code: int) -> int:
    print(f"lut-export: error: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lut-export",
        description="Export a PyTorch model to MLIR (torch dialect), its non-linear operators "
        "whole and, if calibrated, with a power-of-two scale each.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", metavar="MODULE:NAME", help="module or .py file, and its class, factory or model")
    add("--input", action="append", default=[], metavar="SHAPExTYPE", help="an example input")
    add("--arg", action="append", default=[], metavar="K=V", help="an argument of the factory")
    add("--calibrate", metavar="FILE.npz|random:N", help="observe these batches and choose scales")
    add("--method", choices=("minmax", "mse"), default="minmax", help="how (default: minmax)")
    add(
        "--bits",
        default="8",
        metavar="N|OP=N,…",
        help="width of the integers that scales are for, of all or by operator or layer: "
        "8,gelu=16 (default: 8)",
    )
    add("--histograms", action="store_true", help="also write what the calibration counted")
    add("--decompose", action="append", default=[], metavar="OP", help="open this operator")
    add("--keep", action="append", default=[], metavar="OP", help="leave this operator whole")
    add("--seed", type=int, default=0, help="of weights and random inputs (default: 0)")
    add("-o", "--output", default="-", metavar="OUT.mlir", help="output file (default: stdout)")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _run(options: argparse.Namespace) -> str:
    inputs = [TensorType.parse(text) for text in options.input]
    keywords = _keywords(options.arg)
    bits = _bits(options.bits)
    module, name = _located(options.model)
    import torch

    from lut_opt.frontends.torch import calibrate, export_text

    cast(Any, torch).manual_seed(options.seed)
    generator = torch.Generator()
    generator.manual_seed(options.seed)
    model = _model(_imported(module), name, keywords)
    examples = tuple(kind.random(generator) for kind in inputs)
    decompose, keep = tuple(options.decompose), tuple(options.keep)
    calibration = None
    if options.calibrate:
        batches = _batches(options.calibrate, inputs, generator)
        calibration = calibrate(
            model, batches, method=options.method, bits=bits, decompose=decompose, keep=keep
        )
    return export_text(
        model,
        *examples,
        calibration=calibration,
        histograms=options.histograms,
        decompose=decompose,
        keep=keep,
    )


def _bits(text: str) -> int | dict[str, int]:
    """`8`, `gelu=16,softmax=8` or both, as in `8,gelu=16`."""
    widths: dict[str, int] = {}
    for part in text.split(","):
        name, equals, width = part.rpartition("=")
        if not width.isdecimal() or (equals and not name):
            raise UsageError(f"--bits {text}: it must look like 8, gelu=16,softmax=8 or 8,gelu=16")
        widths[name or "*"] = int(width)
    return widths["*"] if list(widths) == ["*"] else widths


def _keywords(texts: Sequence[str]) -> dict[str, Any]:
    keywords: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"--arg {text}: it must look like width=64")
        try:
            keywords[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            keywords[key] = value
    return keywords


def _located(text: str) -> tuple[str, str]:
    module, colon, name = text.rpartition(":")
    if not colon or not module or not name:
        raise UsageError(f"{text}: it must look like package.module:Name or model.py:Name")
    return module, name


def _imported(module: str) -> ModuleType:
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


def _model(module: ModuleType, name: str, keywords: dict[str, Any]) -> Any:
    from torch import nn

    made: Any = getattr(module, name, None)
    if made is None:
        raise UsageError(f"`{module.__name__}` has no `{name}`")
    if not isinstance(made, nn.Module):
        if not callable(made):
            raise UsageError(
                f"`{name}` is a {type(made).__name__}; it must be a class or a factory"
            )
        try:
            made = made(**keywords)
        except TypeError as error:
            raise UsageError(f"`{name}` cannot be called so: {error}; see --arg") from error
        except Exception as error:
            raise _in_user_code(error, f"calling {name}") from error
    elif keywords:
        raise UsageError(f"`{name}` is a model already; --arg is for a class or a factory")
    if not isinstance(made, nn.Module):
        raise UsageError(f"`{name}` makes a {type(made).__name__}; it must make a torch.nn.Module")
    return made


def _batches(
    text: str, inputs: Sequence[TensorType], generator: torch.Generator
) -> list[tuple[torch.Tensor, ...]]:
    import numpy as np
    import torch

    if text.startswith("random:"):
        count = text.removeprefix("random:")
        if not count.isdecimal() or int(count) == 0:
            raise UsageError(f"--calibrate {text}: it must look like random:16")
        return [tuple(kind.random(generator) for kind in inputs) for _ in range(int(count))]
    if not Path(text).is_file():
        raise UsageError(f"--calibrate {text}: no such file (an .npz file, or random:16)")
    with np.load(text) as file:
        arrays = [file[name] for name in file.files]
    if len(arrays) != len(inputs) or not arrays or len({len(a) for a in arrays}) != 1:
        raise UsageError(
            f"--calibrate {text}: it has {len(arrays)} arrays for {len(inputs)} inputs; each must "
            "hold the same number of batches along its first dimension"
        )
    return [tuple(torch.as_tensor(array[i]) for array in arrays) for i in range(len(arrays[0]))]


def _write(text: str, output: str) -> None:
    text = text.rstrip("\n") + "\n"
    if output == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    target = Path(output)
    with tempfile.NamedTemporaryFile(
        "w", dir=target.parent, prefix=f".{target.name}.", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    # The whole file appears at once, with the permissions of a new file.
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(file.name, 0o666 & ~mask)
    os.replace(file.name, target)
