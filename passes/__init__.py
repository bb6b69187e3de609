"""What transforms the IR, one pass a file."""
