"""What the IR means: the pwl, quant and torch dialects and the semantics of a table."""
