"""
What a table was asked to be, as data: options of the search other than its defaults, by name.

The strategy's own options stand in a dictionary of their own, `config`: how a table was looked for
is nothing that it must satisfy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    f64,
    i64,
)
from xdsl.ir import Attribute

Value = bool | int | float | str | tuple[int, ...]
"""What an option is worth."""

CONFIG = "config"
"""Key of the strategy's own options."""


def request_of(options: Mapping[str, Value], config: Mapping[str, Value]) -> DictionaryAttr:
    """The request of these options and these of the strategy's own, typed, under their names."""
    typed = {name: _attribute(value) for name, value in options.items()}
    own = DictionaryAttr({name: _attribute(value) for name, value in config.items()})
    return DictionaryAttr({**typed, CONFIG: own} if config else typed)


def request_values(request: DictionaryAttr) -> dict[str, Value]:
    """
    The options of a request, the strategy's own left out.

    Raises `ValueError` for an attribute that is no value of an option.
    """
    return {name: _value(name, each) for name, each in request.data.items() if name != CONFIG}


def check_request(request: DictionaryAttr) -> None:
    """Raises `ValueError` for an attribute that is no value of an option."""
    for _ in _words(request):
        pass


def request_text(request: DictionaryAttr) -> str:
    """The request as options of the command line, `k=v k=v`, to read and to repeat."""
    return " ".join(_words(request))


def earlier_request(text: str) -> dict[str, Any]:
    """
    The fields of a certificate that say what earlier ones said in command-line text.

    Types are guessed from the words, which may be options of the strategy, too. Raises `ValueError`
    for a word that is no `k=v`.
    """
    read: dict[str, Value] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise ValueError(f"'{word}' of the request is no option: expected name=value")
        read[key.replace("-", "_")] = _guess(value)
    fields: dict[str, Any] = {"request": request_of(read, {})}
    if "exponent_bits" in read:
        exponent_bits, mantissa_bits = read["exponent_bits"], read.get("param_bits", 8)
        if not (isinstance(exponent_bits, int) and isinstance(mantissa_bits, int)):
            raise ValueError("exponent-bits and param-bits of the request must be integers")
        fields |= {"exponent_bits": exponent_bits, "mantissa_bits": mantissa_bits}
    return fields


def _words(request: DictionaryAttr) -> Iterator[str]:
    for name, attribute in request.data.items():
        if name == CONFIG and isinstance(attribute, DictionaryAttr):
            yield from _words(attribute)
            continue
        value = _value(name, attribute)
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        shown = str(value).lower() if isinstance(value, bool) else value
        yield f"{name.replace('_', '-')}={shown}"


def _attribute(value: Value) -> Attribute:
    match value:
        case bool():
            return IntegerAttr.from_bool(value)
        case int():
            return IntegerAttr(value, i64)
        case float():
            return FloatAttr(value, f64)
        case str():
            return StringAttr(value)
        case _:
            return ArrayAttr([IntegerAttr(each, i64) for each in value])


def _value(name: str, attribute: Attribute) -> Value:
    if isinstance(attribute, StringAttr):
        return attribute.data
    if isinstance(attribute, FloatAttr):
        return float(cast(FloatAttr, attribute).value.data)
    if isinstance(attribute, ArrayAttr):
        items = [_value(name, each) for each in cast(ArrayAttr[Attribute], attribute)]
        if all(isinstance(item, int) for item in items):
            return tuple(cast(list[int], items))
    if isinstance(attribute, IntegerAttr):
        number = cast(IntegerAttr[IntegerType], attribute)
        is_bool = number.type == IntegerType(1)
        return bool(number.value.data) if is_bool else number.value.data
    raise ValueError(
        f"{name} of the request must be an integer, a float, a string, a boolean or an array of "
        f"integers, not {attribute}"
    )


def _guess(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    parts = text.split(",")
    return tuple(map(int, parts)) if all(map(str.isdigit, parts)) else text
