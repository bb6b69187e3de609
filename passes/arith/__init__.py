"""Integer code of `arith` and `linalg` for tables and units: what `convert-pwl-to-arith` builds."""
