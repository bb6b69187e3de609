"""The quantized types around what was recognized. Before fuse and lower, which ask here."""
