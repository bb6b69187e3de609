"""What a module costs, by a model of its gates. Beside datapath."""
