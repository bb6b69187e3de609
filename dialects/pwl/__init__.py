"""The `pwl` dialect: piecewise-linear tables that stand for non-linear functions."""
