"""Tables behind the range reduction of a wide operand. Above all strategies."""
