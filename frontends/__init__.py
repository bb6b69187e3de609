"""What comes in: PyTorch modules, ONNX files, calibration."""
