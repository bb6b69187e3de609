"""Every operator that becomes a table or a unit, on inputs of many kinds, against PyTorch."""
