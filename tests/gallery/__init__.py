"""
The gallery of hardware units: `PYTHONPATH=tests python -m gallery --write`.

Each unit is built by the very command that its page names; its ports are drawn from what the unit
says of itself, its waves from a simulation by Icarus whose bench passed, its area is the report's.
"""
