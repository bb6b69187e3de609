"""
Runs inputs in one process, as long as that is as good as a process for each.

Reads a case as a line of JSON from stdin, answers with what is wrong with it, or null.
"""

from __future__ import annotations

import io
import json
import re
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType

from lut_opt import cli

MEMORY = 2 << 30
"""Bytes that an input may take."""

PRECIOUS = "precious"
"""What the output file holds before: a run that fails leaves it alone."""


class TimeIsUp(BaseException):
    """No handler of the program's own takes it."""


def check(arguments: Sequence[str], text: str, seconds: float) -> str | None:
    """
    What is wrong with a run, in one line that names the kind, and then the details.

    Seconds are the processor's: on a busy machine nothing takes longer.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, output = folder / "in.mlir", folder / "out.mlir"
        source.write_text(text)
        if "bundle" not in arguments:  # which writes a new folder
            output.write_text(PRECIOUS)
        words = [str(source), *arguments, "-o", str(output)]
        try:
            code, printed, errors = _run(words, seconds)
        except TimeIsUp as stop:
            place = _innermost(traceback.extract_tb(stop.__traceback__))
            return f"takes more than {seconds:g} s at {place}"
        left = sorted({path.name for path in folder.iterdir()} | {output.name})
        text = output.read_text() if output.is_file() else ""
        is_written = output.is_dir() or text not in ("", PRECIOUS)
        wrong = _judge(code, printed, errors, left, is_written=is_written)
        return wrong or _again(code, words, source, text, seconds)


def _run(words: list[str], seconds: float) -> tuple[object, str, str]:
    printed, errors = io.StringIO(), io.StringIO()
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        with redirect_stdout(printed), redirect_stderr(errors):
            try:
                code: object = cli.main(words)
            except SystemExit as stop:  # argparse
                code = stop.code
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return code, printed.getvalue(), errors.getvalue()


def _judge(
    code: object, printed: str, errors: str, left: list[str], *, is_written: bool
) -> str | None:
    if code not in (0, 1, 2):
        return f"exit {code}\n{errors}"
    if "Traceback" in errors:
        return f"a traceback\n{errors}"
    if printed:
        return f"prints although -o is given\n{printed[:200]}"
    if left != ["in.mlir", "out.mlir"]:
        return f"leaves files: {left}"
    if is_written != (code == 0):
        return f"exit {code} and the output is {'untouched' if code == 0 else 'written'}\n{errors}"
    if code != 0 and not re.search(r"^\S.*: error: \S", errors, re.MULTILINE):
        return f"exit {code} without a diagnostic\n{errors}"
    if code == 1 and "<unknown>: error:" in errors:
        return f"a diagnostic without a place\n{errors}"
    return None


def _again(
    code: object, words: list[str], source: Path, written: str, seconds: float
) -> str | None:
    """The text that comes out must be read again."""
    if code != 0 or "-t" in words:
        return None
    source.write_text(written)
    try:
        code, _, errors = _run([str(source), "--allow-unregistered-dialect"], seconds)
    except TimeIsUp:
        return f"its output takes more than {seconds:g} s to be read again"
    return None if code == 0 else f"its output is not read again\n{errors}\n{written[:2000]}"


def traced(arguments: Sequence[str], text: str) -> str:
    """The kind of a bug: its exception, and the innermost line of ours that it went through."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "in.mlir"
        source.write_text(text)
        try:
            _, _, errors = _run([str(source), *arguments, "--debug"], 60)
        except TimeIsUp:
            return "?"
    ours = re.findall(r'lut_opt/(\S+)", line (\d+), in (\S+)', errors)
    kind = re.findall(r"^(\w[\w.]*(?:Error|Exception|Interrupt)?)(?::|$)", errors, re.MULTILINE)
    where = "{}:{} {}".format(*ours[-1]) if ours else "?"
    return f"{next((k for k in kind if k != 'Traceback'), '?')} in {where}"


def _innermost(frames: traceback.StackSummary) -> str:
    ours = [frame for frame in frames if "lut_opt" in frame.filename]
    frame = ours[-1] if ours else frames[-1]
    return f"{frame.filename.rpartition('lut_opt/')[2]} {frame.name}"


def _time_is_up(_: int, __: FrameType | None) -> None:
    raise TimeIsUp


def main() -> None:
    """Answer until stdin ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    signal.signal(signal.SIGPROF, _time_is_up)
    taken = 1024 * int(Path("/proc/self/statm").read_text().split()[0]) * 4
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, resource.RLIM_INFINITY))
    for line in sys.stdin:
        arguments, text, seconds = json.loads(line)
        wrong = check(arguments, text, seconds)
        if wrong is not None and wrong.startswith("exit 70"):
            wrong = f"exit 70: {traced(arguments, text)}\n{wrong.partition(chr(10))[2]}"
        print(json.dumps(wrong), file=answers, flush=True)


if __name__ == "__main__":
    main()
