"""Mutated texts and options: whatever people bring, lut-opt ends with a result or a diagnostic."""
