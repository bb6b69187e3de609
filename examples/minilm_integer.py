"""
The pretrained sentence encoder in integers throughout, after post-training quantization or trained.

As minilm_demo.py, but its linear operators are integers, too: torchao's PT2E calibrates
`IntegerQuantizer` on the same 64 sentences, the tables are searched, and
`convert-quantized-to-integer` refuses whatever would stay in floats. Embeddings of 32 other
sentences are compared with fp32.

    python examples/minilm_integer.py               # IREE, about five minutes
    python examples/minilm_integer.py --jit         # the JIT, too, bit for bit
    python examples/minilm_integer.py --bits 16     # what products read in 16 bits
    python examples/minilm_integer.py --train       # trained before, minutes of one core more
    python examples/minilm_integer.py --train --power-of-two   # PyTorch on integers, too
    python examples/minilm_integer.py --train --quick   # one layer of the encoder, a few steps

With `--train`, `lut_opt.frontends.torch.qat` puts integer units and learnt quantizations into the
encoder, which then learns its own fp32 outputs again: on the 64 sentences of the calibration and on
halves of them put together, none of those that are compared. With `--power-of-two` every scale is
one, so that PyTorch computes the very integers in double precision (`tests/exact.py`), and must
agree bit for bit; in 16 bits it is not asked, as the constant that scales attention's scores, no
power of two, is rounded beside their wide sums.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from exact import Exact
from minilm_demo import (
    BATCH,
    CALIBRATION,
    EVALUATION,
    Demo,
    Embeddings,
    Tokens,
    compare,
    load,
    step,
)
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from lut_opt.backends import iree, jit
from lut_opt.backends.report import report
from lut_opt.dialects.assembly import Program, context, parse, print_program
from lut_opt.frontends.torch import IntegerQuantizer, export_text, qat
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.convert_quantized_to_integer import ConvertQuantizedToIntegerPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

PARAM_BITS = 10

LEAST_COSINE = 0.99
"""What quantization alone keeps on this model; less is a bug."""

LEAST_COSINE_POWERS = 0.94
"""The same where all scales are powers of two."""

STEPS, QUICK_STEPS = 100, 4

RATES = {"matrices": 1e-5, "vectors": 3e-4, "scales": 1e-3}
"""Adam's, at their largest; they fall to 0."""


def widths(bits: int) -> dict[str, int]:
    """What inputs are stored in."""
    return {"gelu": 16, "*": bits}


def quantized_text(demo: Demo, bits: int, power_of_two: bool) -> str:
    """The exported module with quantizations, calibrated."""
    batches = demo.batches(CALIBRATION)
    exported = torch.export.export(demo.model, batches[0]).module()
    quantizer = IntegerQuantizer(widths(bits), method="mse", power_of_two=power_of_two)
    prepared = prepare_pt2e(exported, quantizer)
    with torch.no_grad():
        for batch in batches:
            prepared(*batch)
    return export_text(convert_pt2e(prepared), *batches[0])


def sentences() -> Iterator[str]:
    """Those of the calibration in any order, about every other one with the end of another."""
    rng = random.Random(0)
    while True:
        heads = list(CALIBRATION)
        rng.shuffle(heads)
        tails = list(heads)
        rng.shuffle(tails)
        for head, tail in zip(heads, tails, strict=True):
            words, others = head.split(), tail.split()
            both = words[: len(words) // 2] + others[len(others) // 2 :]
            yield " ".join(both) if rng.random() < 0.5 else head


def prepared(demo: Demo, bits: int, power_of_two: bool) -> qat.Prepared:
    """The encoder with integer units and learnt quantizations, calibrated."""
    config = qat.Config(
        search=PwlSearchPass(param_bits=PARAM_BITS),
        octaves=0,
        method="mse",
        bits=widths(bits),
        quantizer=IntegerQuantizer(bits, power_of_two=power_of_two),
    )
    batches = demo.batches(CALIBRATION)
    model = qat.prepare(demo.model, batches[0], config)
    qat.calibrate(model, batches)
    return model


def parameter_groups(model: qat.Prepared) -> list[dict[str, Any]]:
    """Matrices but those of embeddings, vectors, scales."""
    for name, parameter in model.calibrated.named_parameters():
        if "embeddings.weight" in name:
            parameter.requires_grad_(False)
    weights, scales = qat.parameter_groups(model, lr=0.0, scale_lr=RATES["scales"])
    kinds = {
        "matrices": [each for each in weights["params"] if each.dim() > 1],
        "vectors": [each for each in weights["params"] if each.dim() <= 1],
    }
    groups = [{**weights, "params": kinds[kind], "lr": RATES[kind]} for kind in kinds]
    return [*groups, scales]


def train(demo: Demo, model: qat.Prepared, steps: int) -> None:
    """Learn the fp32 encoder's embeddings: 1 − cosine, averaged over a batch."""
    optimizer = torch.optim.Adam(parameter_groups(model), betas=(0.9, 0.99))
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: min((done + 1) / 10, 1.0) * (1.0 - done / steps)
    )
    given = sentences()
    for _ in range(steps):
        (batch,) = demo.batches(list(itertools.islice(given, BATCH)))
        with torch.no_grad():
            wanted = demo.model(*batch)
        loss = (1.0 - torch.cosine_similarity(model(*batch), wanted)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()


def trained(demo: Demo, model: qat.Prepared, reference: Embeddings, steps: int) -> qat.Converted:
    """The encoder after training; what it keeps is said before and after."""

    def run(batch: Tokens) -> Embeddings:
        with torch.no_grad():
            return model(*batch).numpy()

    print(f"  after calibration: {compare(demo.embed(EVALUATION, run), reference)}")
    with step(f"{steps} steps of training"):
        train(demo, model, steps)
    print(f"  after training:    {compare(demo.embed(EVALUATION, run), reference)}")
    qat.freeze(model)
    return qat.convert(model)


def embed_exactly(demo: Demo, converted: qat.Converted) -> Embeddings:
    """What PyTorch computes on the values of the integers, where all scales are powers of two."""

    def run(batch: Tokens) -> Embeddings:
        with torch.no_grad():
            return Exact(converted.graph).run(*batch).float().numpy()

    return demo.embed(EVALUATION, run)


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


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--jit", action="store_true", help="run the JIT, too")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8, help="that products read")
    parser.add_argument("--power-of-two", action="store_true", help="all scales")
    parser.add_argument("--train", action="store_true", help="train it first")
    parser.add_argument("--steps", type=int, default=STEPS, help="of training, 8 sentences each")
    parser.add_argument("--quick", action="store_true", help="one layer, and a few steps")
    return parser.parse_args()


def same(who: str, embeddings: Embeddings, others: Embeddings) -> None:
    """Say that two are equal, or end."""
    if not np.array_equal(embeddings, others):
        sys.exit(f"{who} and IREE differ")
    print(f"  {who}'s embeddings are equal, bit for bit")


def quantized(
    demo: Demo, options: argparse.Namespace, reference: Embeddings
) -> tuple[str, qat.Converted | None]:
    """The exported module with quantizations, and what was trained."""
    if not options.train:
        with step("calibrating and exporting"):
            return quantized_text(demo, options.bits, options.power_of_two), None
    with step("units, learnt quantizations, calibration"):
        model = prepared(demo, options.bits, options.power_of_two)
    steps = QUICK_STEPS if options.quick else options.steps
    converted = trained(demo, model, reference, steps)
    with step("exporting"):
        return print_program(qat.export(converted)), converted


def main() -> None:
    """Quantize, convert, run, compare."""
    options = arguments()
    with step("loading the pretrained encoder"):
        demo = load()
        if options.quick:
            encoder: Any = demo.model.encoder
            encoder.encoder.layer = encoder.encoder.layer[:1]
        reference = demo.embed_in_pytorch(EVALUATION)
    text, converted = quantized(demo, options, reference)
    with step("tables and integers"):
        program = integers(text)
    with step("compiling and embedding"):
        embeddings = demo.embed_with(iree.compile(program), EVALUATION)
    agreement = compare(embeddings, reference)
    print(f"embeddings of {len(EVALUATION)} held-out sentences, integers throughout, against fp32:")
    print(f"  {agreement}")
    if options.jit:
        with step("compiling with the JIT"):
            compiled = jit.compile(program)
        same("the JIT", embeddings, demo.embed_with(compiled, EVALUATION))
    if options.power_of_two and options.bits == 8 and converted is not None:
        with step("PyTorch on integers"):
            exact = embed_exactly(demo, converted)
        same("PyTorch", embeddings, exact)
    least = LEAST_COSINE_POWERS if options.power_of_two else LEAST_COSINE
    if agreement.mean_cosine < least:
        sys.exit(f"the mean cosine is below {least}")


if __name__ == "__main__":
    main()
