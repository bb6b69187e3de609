"""
The parts of the documents that a program knows better: `python tests/documents.py --write`.

The lists of passes and of dialects come from their docstrings; the output under each `$ lut-opt`
command in a `console` block is what the command prints.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from xdsl.ir import Attribute, Dialect, Operation
from xdsl.irdl import IRDLOperation
from xdsl.passes import ModulePass

from lut_opt.dialects.lutnet.dialect import LUTNET
from lut_opt.dialects.pwl import PWL
from lut_opt.dialects.quant import QUANT
from lut_opt.passes.support.options import describe_type, options, show
from lut_opt.universe import LUT_OPT_UNIVERSE

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
CONSOLE = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
MADE = re.compile(r"(?<=<!-- made: )(\w+) -->\n.*?(?=<!-- end -->)", re.DOTALL)

DIALECTS = (PWL, LUTNET, QUANT)
"""Those whose reference is made: what users meet in the IR."""


def describe(pass_type: type[ModulePass]) -> str:
    """One pass: its docstring, and a table of its options."""
    summary, _, rest = inspect.cleandoc(pass_type.__doc__ or "").partition("\n\n")
    prose, example = [], []
    for part in rest.split("\n\n"):
        is_example = part.startswith(("Before:", "Requires:", "Ensures:"))
        (example if is_example else prose).append(part)
    lines = [f"## `--{pass_type.name}`", "", " ".join(summary.split()), ""]
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
    """All passes, in the order of `--help`."""
    return "".join(describe(make()) for make in LUT_OPT_UNIVERSE.all_passes.values())


def dialects() -> str:
    """Operations and attributes of the dialects, from their docstrings and definitions."""
    return "".join(part for dialect in DIALECTS for part in _dialect(dialect))


def _dialect(dialect: Dialect) -> Iterable[str]:
    yield f"## `{dialect.name}`\n\n"
    for op in dialect.operations:
        yield f"### `{op.name}`\n\n{_prose(op)}\n\n{_definition(op)}"
    for attribute in dialect.attributes:
        sigil = "!" if "type" in attribute.__name__.lower() else "#"
        yield f"### `{sigil}{attribute.name}`\n\n{_prose(attribute)}\n\n"


def _prose(documented: type[Operation] | type[Attribute]) -> str:
    """A docstring as Markdown: indented examples become blocks."""
    text = inspect.cleandoc(documented.__doc__ or "")
    return re.sub(r"(?:^    .*\n?|^\n(?=    ))+", _block, text + "\n", flags=re.MULTILINE).strip()


def _block(match: re.Match[str]) -> str:
    if not match[0].strip():
        return match[0]
    lead = "\n" if match[0].startswith("\n") else ""
    return f"{lead}```mlir\n{inspect.cleandoc(match[0]).strip()}\n```\n\n"


def _definition(op: type[Operation]) -> str:
    if not issubclass(op, IRDLOperation):
        return ""
    found = op.get_irdl_definition()
    kinds: Mapping[str, Iterable[tuple[str, object]]] = {
        "operand": found.operands,
        "property": found.properties.items(),
        "result": found.results,
    }
    rows = [
        f"| `{name}` | {kind}{', optional' if 'Opt' in type(definition).__name__ else ''} |\n"
        for kind, members in kinds.items()
        for name, definition in members
    ]
    return "| name | what it is |\n|---|---|\n" + "".join(rows) + "\n" if rows else ""


SECTIONS: Mapping[str, Callable[[], str]] = {"passes": passes, "dialects": dialects}
"""What stands between `made: NAME` and `end`."""


def run(block: str) -> str:
    """
    A console block with the outputs of its `lut-opt`, `lut-export` and `lut-compile` made anew.

    What `lut-compile` writes goes to a folder that is forgotten.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    parts = re.split(r"(?m)^(?=\$ )", block)
    outputs = [parts[0]]
    for part in parts[1:]:
        command = re.match(r"\$ ((?:.*\\\n)*.*)\n", part)
        assert command is not None, part
        if not command[1].startswith(("lut-opt", "lut-export", "lut-compile")):
            outputs.append(part)
            continue
        with tempfile.TemporaryDirectory() as forgotten:
            Path(forgotten, "examples").symlink_to(ROOT / "examples")
            done = subprocess.run(
                command[1],
                shell=True,
                cwd=forgotten if command[1].startswith("lut-compile") else ROOT,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
        tail = "\n" if part.endswith("\n\n") else ""
        outputs.append(command[0] + done.stdout + done.stderr + tail)
    return "".join(outputs)


def rendered(text: str) -> str:
    """A page with what is made in it made anew."""
    text = CONSOLE.sub(lambda match: run(match[0]), text)
    return MADE.sub(lambda match: f"{match[1]} -->\n\n{SECTIONS[match[1]]()}", text)


if __name__ == "__main__":
    for page in PAGES:
        old = page.read_text()
        new = rendered(old)
        if "--write" in sys.argv:
            page.write_text(new)
        elif new != old:
            name = page.relative_to(ROOT)
            sys.exit(f"{name} is not what the code says: run python tests/documents.py --write")
