"""Modules of fixed tables: one, or several behind a select. Above datapath and cost."""
