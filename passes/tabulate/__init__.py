"""What `pwl-search` does with IR: its options, tables, tails, units, weights. Above search."""
