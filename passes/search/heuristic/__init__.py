"""The seed papers' searches, genetic and neural, and any other objective. Above optimal."""
