"""Pass options as text: `k=v k=v` to the fields of a pass, and back to help."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import shlex
import sys
import textwrap
import types
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from xdsl.passes import ModulePass

PassT = TypeVar("PassT", bound=ModulePass)


def from_text(pass_type: type[PassT], text: str) -> PassT:
    """
    Build a pass from `k=v k=v` (keys in kebab-case).

    Raises ValueError that names the option, what it takes and what it got.
    """
    hints = get_type_hints(pass_type)
    known = {f.name.replace("_", "-"): f.name for f in dataclasses.fields(pass_type)}
    values: dict[str, Any] = {}
    for word in shlex.split(text):
        key, equals, value = word.partition("=")
        name = known.get(key.replace("_", "-"))
        if name is None:
            takes = f"takes {', '.join(known)}" if known else "takes no options"
            raise ValueError(f"unknown option '{key}': {pass_type.name} {takes}")
        if name in values:
            raise ValueError(f"option '{key}' is given twice")
        values[name] = _convert(key, value if equals else "true", hints[name])
    return pass_type(**values)


def _convert(key: str, text: str, hint: Any) -> Any:
    for kind in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        origin = get_origin(kind)
        if origin is tuple:
            return tuple(_convert(key, part, get_args(kind)[0]) for part in text.split(","))
        if origin is Literal and text in get_args(kind):
            return text
        if kind is bool and text in ("true", "false"):
            return text == "true"
        if kind is str:
            return text
        if kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    raise ValueError(f"option '{key}' takes {describe_type(hint)}, got '{text}'")


def describe_type(hint: Any) -> str:
    """The values that an option takes, in words."""
    if get_origin(hint) is Literal:
        return "|".join(map(str, get_args(hint)))
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not types.NoneType]
        if set(kinds) == {int, float}:
            kinds = [float]
        return " or ".join(map(describe_type, kinds))
    if get_origin(hint) is tuple:
        return f"{describe_type(get_args(hint)[0])},…"
    names = {int: "an integer", float: "a number", bool: "true|false", str: "text"}
    return names.get(hint, str(hint))


def field_docs(pass_type: type[ModulePass]) -> dict[str, str]:
    """The docstring under each field of a pass."""
    docs: dict[str, str] = {}
    owners = [kind for kind in pass_type.__mro__ if kind.__module__.startswith("lut_opt.")]
    for node in map(_class_node, reversed(owners)):
        for field, doc in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match doc:
                    case ast.Expr(ast.Constant(str(text))):
                        docs[field.target.id] = " ".join(text.split())
                    case _:
                        pass
    return docs


def _class_node(kind: type) -> ast.ClassDef:
    tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return next(node for node in classes if node.name == kind.__name__)


def describe(pass_type: type[ModulePass]) -> str:
    """Help of one pass: what it does, and its options with their defaults."""
    summary = " ".join(inspect.cleandoc(pass_type.__doc__ or "").partition("\n\n")[0].split())
    lines = [f"  --{pass_type.name}", *textwrap.wrap(summary, 92, initial_indent="      ",
                                                      subsequent_indent="      ")]  # fmt: skip
    hints, docs = get_type_hints(pass_type), field_docs(pass_type)
    for field in dataclasses.fields(pass_type):
        default = "" if field.default is None else f" (default: {_show(field.default)})"
        key = f"{field.name.replace('_', '-')}={describe_type(hints[field.name])}{default}"
        lines.append(f"        {key}")
        doc = docs.get(field.name, "")
        lines += textwrap.wrap(doc, 86, initial_indent=" " * 12, subsequent_indent=" " * 12)
    return "\n".join(lines) + "\n"


def _show(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
