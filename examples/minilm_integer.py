"""
The pretrained sentence encoder in integers throughout, after post-training quantization alone.

As minilm_demo.py, but its linear operators are integers, too: torchao's PT2E calibrates
`IntegerQuantizer` on the same 64 sentences, the tables are searched, and
`convert-quantized-to-integer` refuses whatever would stay in floats. Embeddings of 32 other
sentences are compared with fp32.

    python examples/minilm_integer.py               # IREE, about five minutes
    python examples/minilm_integer.py --jit         # the JIT, too, bit for bit
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch
from minilm_demo import CALIBRATION, EVALUATION, Demo, compare, load, step
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from lut_opt.backends import iree, jit
from lut_opt.backends.report import report
from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.frontends.torch import IntegerQuantizer, export_text
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.convert_quantized_to_integer import ConvertQuantizedToIntegerPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

PARAM_BITS = 10

LEAST_COSINE = 0.99
"""What quantization alone keeps on this model; less is a bug."""


def quantized_text(demo: Demo) -> str:
    """The exported module with quantizations, calibrated."""
    batches = demo.batches(CALIBRATION)
    exported = torch.export.export(demo.model, batches[0]).module()
    quantizer = IntegerQuantizer({"gelu": 16, "*": 8}, method="mse")
    prepared = prepare_pt2e(exported, quantizer)
    with torch.no_grad():
        for batch in batches:
            prepared(*batch)
    return export_text(convert_pt2e(prepared), *batches[0])


def integers(text: str) -> Program:
    """The program in integers; an error if any operator would compute in floats."""
    ctx = context()
    program = parse(text, "minilm.mlir", ctx)
    for a_pass in (
        LowerNonlinearToPwlPass(),
        PwlSearchPass(param_bits=PARAM_BITS),
        ConvertQuantizedToIntegerPass(float="error"),
    ):
        a_pass.apply(ctx, program.module)
    print(report.emit(program.module).splitlines()[-1])
    ConvertPwlToArithPass().apply(ctx, program.module)
    return program


def main() -> None:
    """Quantize, convert, run, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--jit", action="store_true", help="run the JIT, too")
    options = parser.parse_args()
    with step("loading the pretrained encoder"):
        demo = load()
        reference = demo.embed_in_pytorch(EVALUATION)
    with step("calibrating and exporting"):
        text = quantized_text(demo)
    with step("tables and integers"):
        program = integers(text)
    with step("compiling and embedding"):
        embeddings = demo.embed_with(iree.compile(program), EVALUATION)
    agreement = compare(embeddings, reference)
    print(f"embeddings of {len(EVALUATION)} held-out sentences, integers throughout, against fp32:")
    print(f"  {agreement}")
    if options.jit:
        with step("compiling with the JIT"):
            same = np.array_equal(demo.embed_with(jit.compile(program), EVALUATION), embeddings)
        print(f"  the JIT's embeddings are {'equal, bit for bit' if same else 'DIFFERENT'}")
        if not same:
            sys.exit("JIT and IREE differ")
    if agreement.mean_cosine < LEAST_COSINE:
        sys.exit(f"the mean cosine is below {LEAST_COSINE}")


if __name__ == "__main__":
    main()
