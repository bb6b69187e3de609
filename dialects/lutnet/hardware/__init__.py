"""What a hardware module of a weightless block computes, and where its parts meet."""

from lut_opt.dialects.lutnet.hardware.attribute import NetworkUnitAttr
from lut_opt.dialects.lutnet.hardware.parts import LEAF, Adder, Leaf, Node, Parts, Value
from lut_opt.dialects.lutnet.hardware.unit import NetworkUnit, pack

__all__ = [
    "LEAF",
    "Adder",
    "Leaf",
    "NetworkUnit",
    "NetworkUnitAttr",
    "Node",
    "Parts",
    "Value",
    "pack",
]
