"""The `lut-opt` driver."""


def main() -> int:
    """Run the driver on the process arguments; returns the exit code."""
    return 70
