"""Configuration of lit: `lit tests/filecheck`."""

import importlib.util
import os
import shutil
import sys

import lit.formats

config.name = "lut-opt"  # noqa: F821
config.test_format = lit.formats.ShTest(execute_external=False)  # noqa: F821
config.suffixes = [".mlir"]  # noqa: F821
config.test_source_root = os.path.dirname(__file__)  # noqa: F821
# The tools of the environment that runs lit, whether it is activated or not.
config.environment["PATH"] = os.pathsep.join(  # noqa: F821
    [os.path.dirname(sys.executable), os.environ["PATH"]]
)
for feature, module in (("circt", "pycde"), ("torch-mlir", "torch_mlir"), ("torch", "torch")):
    if importlib.util.find_spec(module):
        config.available_features.add(feature)  # noqa: F821
for tool in ("iverilog", "yosys", "verilator"):
    if shutil.which(tool):
        config.available_features.add(tool)  # noqa: F821
