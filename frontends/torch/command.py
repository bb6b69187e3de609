"""The console command `lut-export`: an importable module, or an ONNX file, to MLIR text."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from lut_opt.frontends.torch.arguments import INPUTS, UsageError, add_options, read
from lut_opt.frontends.torch.notices import diagnostic, terminal

_EXAMPLES = f"""\
examples:
  lut-export torch.nn:GELU --input 2x8xf32
      GELU on a 2×8 tensor, no scales: give them to lut-opt with input-scale=.

  lut-export model.py:Net --arg width=64 --input 4x64xf32 --calibrate random:16 -o net.mlir
      Net(width=64) of the file model.py, calibrated on 16 batches of normal random numbers.

  lut-export my.models:build --input 8x32xi64 --input 8x32xi64 --calibrate tokens.npz --method mse
      What my.models.build() returns, calibrated on the arrays of tokens.npz: one array an input, in
      order, with one more dimension in front (the batches).

  lut-export model.py:Net --input 4x16x64xf32 --dynamic x:0=batch,1=seq --calibrate random:16
      For any batch and any length: axes 0 and 1 of the input that forward calls x.

  lut-export model.onnx --calibrate data.npz -o net.mlir
      An ONNX file (extra `onnx`), on the arrays of data.npz that are called as its inputs are.

  lut-export model.py:Net --input 4x64xf32 --calibrate random:16 | lut-opt --lower-nonlinear-to-pwl

{INPUTS} What the model prints goes to stderr. Exit codes: 0
done, 1 the model cannot be exported, 2 wrong usage, 70 a bug. How good the tables are: lut-check.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    options = _parser().parse_args(arguments)
    try:
        with terminal("lut-export"):
            text = _run(options)
        _write(text, options.output)
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
    print(diagnostic("lut-export", "error", message), file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lut-export",
        description="Export a PyTorch model, or an ONNX file, to MLIR (torch dialect), its "
        "non-linear operators whole and, if calibrated, with a power-of-two scale each.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    add = parser.add_argument
    add("--histograms", action="store_true", help="also write what the calibration counted")
    add("-o", "--output", default="-", metavar="OUT.mlir", help="output file (default: stdout)")
    return parser


def _run(options: argparse.Namespace) -> str:
    given = read(options)
    from lut_opt.frontends.torch.exporting import export_text

    calibration = None
    if options.calibrate:
        calibration = given.calibrate(given.batches(options.calibrate, "--calibrate"))
    return export_text(
        given.model,
        *given.examples,
        calibration=calibration,
        dynamic_shapes=given.dynamic_shapes,
        histograms=options.histograms,
        decompose=given.decompose,
        keep=given.keep,
    )


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
