"""Modules that divide. Above table_unit, beside row_unit."""
