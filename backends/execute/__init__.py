"""What the JIT and IREE share: pipelines, signatures, arguments, weights."""
