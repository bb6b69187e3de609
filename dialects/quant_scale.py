"""The text of a scale, byte for byte as MLIR reads and writes it."""

from __future__ import annotations

from xdsl.dialects.builtin import Float64Type
from xdsl.parser import AttrParser

from lut_opt.dialects.literals import parse_double


def format_scale(value: float) -> str:
    """
    Text of a positive scale, byte for byte as MLIR writes it.

    Six digits if they are exact (`1.000000e-01`), else seventeen (`0.0078740157480314959`,
    `1.2345678901234568E-10`), else, where that would look like an integer, the bits of the double.
    """
    digits, exponent = _decimal(value, 6)
    short = f"{digits[0]}.{digits[1:]:0<6}e{exponent:+03d}"
    if float(short) == value:
        return short
    digits, exponent = _decimal(value, 17)
    last = exponent - len(digits) + 1
    if last > 3 or (last >= 0 and exponent >= 17) or exponent < -3:
        return f"{digits[0]}.{digits[1:] or '0'}E{exponent:+d}"
    if last >= 0:
        return f"0x{Float64Type().pack((value,))[::-1].hex().upper()}"
    if exponent >= 0:
        return f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}"
    return f"0.{'0' * (-exponent - 1)}{digits}"


def _decimal(value: float, precision: int) -> tuple[str, int]:
    """
    Significant digits of a double and the exponent of the first, as LLVM's `APFloat` finds them.

    LLVM cuts before it rounds, so the last digit is not always the nearest.
    """
    numerator, denominator = value.as_integer_ratio()
    power = denominator.bit_length() - 1
    significand, exponent = numerator * 5**power, -power
    surplus = significand.bit_length() - (precision * 196 + 58) // 59
    if surplus > 0:
        cut = surplus * 59 // 196
        significand, exponent = significand // 10**cut, exponent + cut
    text = str(significand)
    exponent += len(text) - 1
    if len(text) > precision:
        rounded = str(int(text[:precision]) + (text[precision] >= "5"))
        exponent += len(rounded) - precision
        text = rounded
    return text.rstrip("0"), exponent


def parse_scale(parser: AttrParser) -> float:
    """A scale in decimal, or as the bits of a double (`0x3FB999999999999A`)."""
    start = parser.pos
    value = parse_double(parser)
    text = parser.lexer.input.content[start : parser.pos]
    if "." not in text and text[:2] not in ("0x", "0X"):
        parser.raise_error(f"scale {text.strip()} needs a decimal point, as in {value}", start)
    return value
