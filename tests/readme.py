"""
The parts of the README that a program knows better: `python tests/readme.py --write`.

The list of passes comes from their docstrings; the output under each `$ lut-opt` command in a
`console` block is what the command prints.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

from xdsl.passes import ModulePass

from lut_opt.passes.support.options import describe_type, options, show
from lut_opt.universe import LUT_OPT_UNIVERSE

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PASSES = re.compile(r"(?<=<!-- passes: begin -->\n).*?(?=<!-- passes: end -->)", re.DOTALL)
CONSOLE = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)


def describe(pass_type: type[ModulePass]) -> str:
    """One pass: its docstring, and a table of its options."""
    summary, _, rest = inspect.cleandoc(pass_type.__doc__ or "").partition("\n\n")
    prose, example = [], []
    for part in rest.split("\n\n"):
        is_example = part.startswith(("Before:", "Requires:", "Ensures:"))
        (example if is_example else prose).append(part)
    lines = [f"### `--{pass_type.name}`", "", " ".join(summary.split()), ""]
    for part in prose:
        lines += [" ".join(part.split()), ""] if part else []
    if example:
        lines += ["```", *"\n\n".join(example).split("\n"), "```", ""]
    known = options(pass_type)
    if known:
        lines += ["| option | takes | default | |", "|---|---|---|---|"]
    for key, option in known.items():
        shown = "" if option.default in (None, "", ()) else f"`{show(option.default)}`"
        takes = describe_type(option.hint).replace("|", " \\| ")
        lines.append(f"| `{key}` | {takes} | {shown} | {option.doc} |")
    return "\n".join(lines) + ("\n\n" if known else "\n")


def passes() -> str:
    """The whole section."""
    return "".join(describe(make()) for make in LUT_OPT_UNIVERSE.all_passes.values())


def run(block: str) -> str:
    """A console block with the outputs of its `lut-opt` and `lut-export` commands made anew."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    parts = re.split(r"(?m)^(?=\$ )", block)
    outputs = [parts[0]]
    for part in parts[1:]:
        command = re.match(r"\$ ((?:.*\\\n)*.*)\n", part)
        assert command is not None, part
        if not command[1].startswith(("lut-opt", "lut-export")):
            outputs.append(part)
            continue
        done = subprocess.run(
            command[1],
            shell=True,
            cwd=ROOT,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        tail = "\n" if part.endswith("\n\n") else ""
        outputs.append(command[0] + done.stdout + done.stderr + tail)
    return "".join(outputs)


def rendered(text: str) -> str:
    """The README with both parts made anew."""
    text = CONSOLE.sub(lambda match: run(match[0]), text)
    return PASSES.sub(lambda _: "\n" + passes(), text)


if __name__ == "__main__":
    if "--write" in sys.argv:
        README.write_text(rendered(README.read_text()))
    elif rendered(README.read_text()) != README.read_text():
        sys.exit("README.md is not what the code says: run python tests/readme.py --write")
