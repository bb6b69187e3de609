"""Which ops are a function or a unit, whole or written out. Above decompose, below quantize."""
