"""What comes in: PyTorch modules, calibration."""
