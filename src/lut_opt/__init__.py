"""Non-linear operators as small integer tables: proven, compiled, and synthesized."""
