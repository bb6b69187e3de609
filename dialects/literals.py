"""Number literals that xDSL's parser reads otherwise than MLIR does."""

from __future__ import annotations

from xdsl.dialects.builtin import Float64Type
from xdsl.parser import AttrParser


def parse_double(parser: AttrParser) -> float:
    """A double in decimal, or as its bits in hexadecimal (`0x7FF0000000000000` is infinity)."""
    start = parser.pos
    number = parser.parse_number()
    is_bits = parser.lexer.input.content[start : start + 2] in ("0x", "0X")
    if not is_bits or isinstance(number, float):
        return float(number)
    if number >= 1 << 64:
        parser.raise_error("more than the 64 bits of a double", start)
    return Float64Type().unpack(number.to_bytes(8, "little"), 1)[0]
