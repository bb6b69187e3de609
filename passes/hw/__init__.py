"""Builders of `hw`, `comb` and `seq` IR for the units that `convert-pwl-to-hw` makes."""
