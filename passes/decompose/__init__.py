"""`torch` ops that contain a non-linear one, opened in `torch` ops. Before recognize."""
