"""Pass options as text: `k=v k=v` to the fields of a pass, and back to help."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import shlex
import sys
import textwrap
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, ArgSpecConvertible

PassT = TypeVar("PassT", bound=ArgSpecConvertible)


def choice(default: str, choices: Callable[[], Mapping[str, str]]) -> Any:
    """A field that takes one of the keys, known when asked for; the values say what each does."""
    return dataclasses.field(default=default, metadata={"choices": choices})


def parts(classes: Callable[[], Sequence[type[Any]]]) -> Any:
    """A field whose instances of further dataclasses are given by options of the pass, too."""
    return dataclasses.field(default=(), metadata={"parts": classes})


@dataclasses.dataclass(frozen=True)
class Option:
    """One option: a field of the pass, or of one of its parts."""

    owner: type[Any]
    name: str
    """Of the field."""
    hint: Any
    """The type of its values."""
    default: Any
    doc: str
    """The docstring under the field."""


def options(owner: type[Any]) -> dict[str, Option]:
    """The options of a pass by their keys in kebab-case, in the order of the fields."""
    hints, docs = get_type_hints(owner), field_docs(owner)
    found: dict[str, Option] = {}
    for field in dataclasses.fields(owner):
        inner = [options(part) for part in field.metadata.get("parts", tuple)()]
        hint, doc = hints[field.name], docs.get(field.name, "")
        if choices := field.metadata.get("choices"):
            hint = cast(Any, Literal)[tuple(choices())]
            doc = "; ".join(f"`{name}` {what}" for name, what in choices().items()) + "."
        if "parts" not in field.metadata:
            key = field.name.replace("_", "-")
            inner = [{key: Option(owner, field.name, hint, field.default, doc)}]
        for new in inner:
            if twice := sorted(found.keys() & new.keys()):
                raise TypeError(f"two options are called {', '.join(twice)}")
            found |= new
    return found


def from_text(pass_type: type[PassT], text: str) -> PassT:
    """
    Build a pass from `k=v k=v` (keys in kebab-case).

    Raises ValueError that names the option, what it takes and what it got.
    """
    known = options(pass_type)
    values: dict[type[Any], dict[str, Any]] = {pass_type: {}}
    for word in shlex.split(text):
        key, equals, value = word.partition("=")
        option = known.get(key.replace("_", "-"))
        if option is None:
            takes = f"takes {', '.join(known)}" if known else "takes no options"
            raise ValueError(f"unknown option '{key}': {pass_type.name} {takes}")
        own = values.setdefault(option.owner, {})
        if option.name in own:
            raise ValueError(f"option '{key}' is given twice")
        own[option.name] = convert(key, value if equals else "true", option.hint)
    mine = values.pop(pass_type)
    for field in dataclasses.fields(pass_type):
        if "parts" in field.metadata:
            mine[field.name] = tuple(owner(**own) for owner, own in values.items())
    return pass_type(**mine)


def from_spec(pass_type: type[PassT], spec: ArgSpec) -> PassT:
    """Build a pass as `xdsl-opt` asks for it."""
    words: list[str] = []
    for key, values in spec.parameters.items():
        text = ",".join(show(value) for value in values)
        words.append(shlex.quote(f"{key}={text}") if values else key)
    return from_text(pass_type, " ".join(words))


def convert(key: str, text: str, hint: Any) -> Any:
    """The value of an option. Raises ValueError that says what it takes."""
    for kind in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        origin = get_origin(kind)
        if origin is tuple:
            return tuple(convert(key, part, get_args(kind)[0]) for part in text.split(","))
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


def show(value: object) -> str:
    """A value as an option's text."""
    if isinstance(value, tuple):
        return ",".join(map(show, cast(tuple[object, ...], value)))
    return str(value).lower() if isinstance(value, bool) else str(value)


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


def field_docs(owner: type[Any]) -> dict[str, str]:
    """The docstring under each field of a dataclass, of those that it inherits, too."""
    names = {field.name for field in dataclasses.fields(owner)}
    docs: dict[str, str] = {}
    for kind in reversed(owner.__mro__):
        if names.isdisjoint(vars(kind).get("__annotations__", {})):
            continue
        body = _class_node(kind).body
        for field, doc in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match doc:
                    case ast.Expr(ast.Constant(str(text))):
                        docs[field.target.id] = " ".join(text.split())
                    case _:
                        pass
    return docs


def _class_node(kind: type) -> ast.ClassDef:
    tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return next(node for node in classes if node.name == kind.__name__)


def describe(pass_type: type[ModulePass]) -> str:
    """Help of one pass: what it does, and its options with their defaults."""
    summary = " ".join(inspect.cleandoc(pass_type.__doc__ or "").partition("\n\n")[0].split())
    lines = [f"  --{pass_type.name}", *textwrap.wrap(summary, 92, initial_indent="      ",
                                                      subsequent_indent="      ")]  # fmt: skip
    for key, option in options(pass_type).items():
        default = "" if option.default in (None, ()) else f" (default: {show(option.default)})"
        lines.append(f"        {key}={describe_type(option.hint)}{default}")
        lines += textwrap.wrap(option.doc, 86, initial_indent=" " * 12, subsequent_indent=" " * 12)
    return "\n".join(lines) + "\n"
