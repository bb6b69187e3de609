"""Chains of element-wise ops as one function of one tensor. Beside lower."""
