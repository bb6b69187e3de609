"""`pwl` ops in the place of what was recognized, between casts. Beside fuse."""
