"""Which ops are a function, a unit, or without a table. Above decompose, below quantize."""
