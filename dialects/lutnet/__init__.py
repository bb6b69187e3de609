"""The `lutnet` dialect: thermometer codes, layers of look-up tables, conditional sums."""
