"""One HTML page of what became of a model: tables drawn, certificates in words. Above report."""
