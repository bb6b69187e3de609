"""
What transforms the IR, one pass a file: its name, its options and what it promises.

The work is in the folders, which a pass imports when it runs.
"""
