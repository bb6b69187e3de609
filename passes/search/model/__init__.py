"""A problem on integers and what a table costs there: the base of every search."""
