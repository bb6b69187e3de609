"""Gates, area, delay and power of hardware units, by Yosys and Liberty files. Above verilog."""
