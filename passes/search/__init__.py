"""Search for tables: pure numerics on NumPy arrays, no IR."""
