"""Diagnostics, progress, options, declarations, builders: what any pass uses. Below all folders."""
