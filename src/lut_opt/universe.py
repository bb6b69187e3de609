"""What `lut-opt` adds to xDSL, found by `xdsl-opt` through the `xdsl.universe` entry point."""

from xdsl.universe import Universe

LUT_OPT_UNIVERSE = Universe()
