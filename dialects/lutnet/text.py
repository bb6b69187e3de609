"""A block as one text, as frontends hand it over: the attribute `#lutnet.unit<…>`."""

from __future__ import annotations

from xdsl.context import Context
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError

from lut_opt.dialects.lutnet.dialect import LUTNET
from lut_opt.dialects.lutnet.hardware import NetworkUnit, NetworkUnitAttr
from lut_opt.dialects.lutnet.network import Block
from lut_opt.dialects.quant import QUANT


def text_of(block: Block) -> str:
    """The block as text."""
    return str(NetworkUnitAttr(NetworkUnit("", block)))


def block_of(text: str) -> Block:
    """The block that a text stands for. Raises `ValueError` for one that stands for none."""
    context = Context()
    context.load_dialect(LUTNET)
    context.load_dialect(QUANT)
    try:
        attribute = Parser(context, text).parse_attribute()
    except ParseError as error:
        raise ValueError(f"no weightless block: {error.msg}") from error
    if not isinstance(attribute, NetworkUnitAttr) or not isinstance(attribute.data, NetworkUnit):
        raise ValueError(f"no weightless block: {attribute.name}")
    return attribute.data.block
