"""Tables that nothing beats, with a proof or a bound. Above model, below heuristic."""
