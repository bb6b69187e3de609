"""Wires that know their range, registers, and arithmetic of them. Below datapath."""
