"""Networks in integers: what linear operators between quantizations compute, without a float."""
