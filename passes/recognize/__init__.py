"""Which ops are a function or a unit, whole or written out, or have no table. Above decompose, below quantize."""
