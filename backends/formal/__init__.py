"""What is proved of emitted SystemVerilog, from its netlist. Above simulate and synthesis."""
