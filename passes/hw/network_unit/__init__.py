"""Weightless blocks in hardware: encoder, LUTs, and trees of conditional sums."""
