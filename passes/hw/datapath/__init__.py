"""Circuits of one table: segments, selection, products. Above builder, below the units."""
