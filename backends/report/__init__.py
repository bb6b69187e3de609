"""Tables, units and what they cost, for people and scripts. Above synthesis."""
