"""Configuration of lit: `lit tests/filecheck`."""

import importlib.util
import os
import shutil
import sys

import lit.formats

config.name = "lut-opt"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
# The tools of the environment that runs lit, whether it is activated or not.
config.environment["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
if "PYTHONPATH" in os.environ:  # to test another tree than the one that is installed
    config.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
for feature, module in (("circt", "pycde"), ("torch-mlir", "torch_mlir"), ("torch", "torch")):
    if importlib.util.find_spec(module):
        config.available_features.add(feature)
for tool in ("iverilog", "yosys", "verilator"):
    if shutil.which(tool):
        config.available_features.add(tool)
