"""What a strategy is, and the strategies, one a file. Above all kinds of search."""
