"""`pwl` ops in the place of what was recognized, between casts. Above fuse."""
