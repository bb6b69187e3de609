"""What lut-opt adds to xDSL; stock `xdsl-opt` finds it through the `xdsl.universe` entry point."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from xdsl.passes import ModulePass
from xdsl.universe import Universe

from lut_opt.backends.targets import TARGETS
from lut_opt.dialects import DIALECTS

if TYPE_CHECKING:
    from xdsl.dialects.hw import HWModuleOp
    from xdsl.utils.target import Target

    from lut_opt.passes.hw.cost.model import Family, Figures


def _lower_nonlinear_to_pwl() -> type[ModulePass]:
    from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass

    return LowerNonlinearToPwlPass


def _pwl_search() -> type[ModulePass]:
    from lut_opt.passes.pwl_search import PwlSearchPass

    return PwlSearchPass


def _convert_quantized_to_integer() -> type[ModulePass]:
    from lut_opt.passes.convert_quantized_to_integer import ConvertQuantizedToIntegerPass

    return ConvertQuantizedToIntegerPass


def _convert_pwl_to_arith() -> type[ModulePass]:
    from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass

    return ConvertPwlToArithPass


def _lower_torch_to_lutnet() -> type[ModulePass]:
    from lut_opt.passes.lower_torch_to_lutnet import LowerTorchToLutnetPass

    return LowerTorchToLutnetPass


def _convert_lutnet_to_arith() -> type[ModulePass]:
    from lut_opt.passes.convert_lutnet_to_arith import ConvertLutnetToArithPass

    return ConvertLutnetToArithPass


def _convert_lutnet_to_hw() -> type[ModulePass]:
    from lut_opt.passes.convert_lutnet_to_hw import ConvertLutnetToHwPass

    return ConvertLutnetToHwPass


def _convert_pwl_to_hw() -> type[ModulePass]:
    from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
    from lut_opt.passes.hw.cost.model import FPGA_FAMILIES, register_cost

    register_cost("synthesis", _synthesis_cost)
    for name in FPGA_FAMILIES:
        register_cost(name, partial(_fpga_cost, name))
    return ConvertPwlToHwPass


def _synthesis_cost(module: HWModuleOp, liberty: tuple[str, ...]) -> Figures:
    """The synthesizer, which passes must not import; loaded when it is asked."""
    from lut_opt.backends.synthesis.cost import synthesis_cost

    return synthesis_cost(module, liberty)


def _fpga_cost(family: Family, module: HWModuleOp, liberty: tuple[str, ...]) -> Figures:
    """LUTs of an FPGA, likewise."""
    from lut_opt.backends.synthesis.cost import fpga_cost

    return fpga_cost(module, family)


def _verify_pwl() -> type[ModulePass]:
    from lut_opt.passes.verify_pwl import VerifyPwlPass

    return VerifyPwlPass


def _nonlinear_to_arith() -> type[ModulePass]:
    from lut_opt.passes.pipelines import NonlinearToArithPass

    return NonlinearToArithPass


def _nonlinear_to_hw() -> type[ModulePass]:
    from lut_opt.passes.pipelines import NonlinearToHwPass

    return NonlinearToHwPass


def _target(kind: type[Target]) -> Callable[[], type[Target]]:
    return lambda: kind


LUT_OPT_UNIVERSE = Universe(
    all_dialects=DIALECTS,
    all_passes={
        "lower-nonlinear-to-pwl": _lower_nonlinear_to_pwl,
        "pwl-search": _pwl_search,
        "verify-pwl": _verify_pwl,
        "convert-quantized-to-integer": _convert_quantized_to_integer,
        "convert-pwl-to-arith": _convert_pwl_to_arith,
        "convert-pwl-to-hw": _convert_pwl_to_hw,
        "lower-torch-to-lutnet": _lower_torch_to_lutnet,
        "convert-lutnet-to-arith": _convert_lutnet_to_arith,
        "convert-lutnet-to-hw": _convert_lutnet_to_hw,
        "nonlinear-to-arith": _nonlinear_to_arith,
        "nonlinear-to-hw": _nonlinear_to_hw,
    },
    all_targets={kind.name: _target(kind) for kind in TARGETS},
)
