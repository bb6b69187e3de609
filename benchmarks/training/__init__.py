"""Tables 4 and 5 of GQA-LUT on scenes of Fashion-MNIST: data, networks, tables, protocol."""
