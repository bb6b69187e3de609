"""SystemVerilog of hardware units, written by CIRCT. Above tools."""
