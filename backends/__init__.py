"""What goes out: executable code, SystemVerilog, simulation, reports."""
