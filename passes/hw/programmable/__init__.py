"""Modules whose table software writes, integers or single precision. Above table_unit."""
