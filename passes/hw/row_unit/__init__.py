"""Streaming modules of softmax and norms. Above table_unit, beside programmable."""
