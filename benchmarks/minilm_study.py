"""MiniLM with integer tables: recipes, and what each keeps of the fp32 embeddings."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import Interpreter, Node
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, f64, i64

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from measure import progress
from minilm_demo import Agreement, Demo, Tokens, compare, load
from sentences import CALIBRATION, EVALUATION

from lut_opt.backends import iree, jit
from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp, LayerNormOp, SoftmaxOp
from lut_opt.frontends.torch import calibrate, export_text
from lut_opt.frontends.torch.graph import Inputs, build
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.support.declarations import BITS, RANGE

Strategy = Literal["uniform", "neural", "genetic", "optimal"]
Gelu = Literal["8 bits", "8 bits, clipped at 4", "16 bits"]
Embeddings = NDArray[np.float32]

BATCH = 8
KEEP = {
    "GELU": ("gelu",),
    "softmax": ("softmax",),
    "layer norm": ("layer_norm",),
    "the rest": ("rms_norm", "divide"),
}
"""What `keep` calls the operators of each row; the rest is the mean and the unit length."""

CLIPPED_BITS, CLIPPED_RANGE = 11, (-32.0, 31.96875)
"""Steps of 4/128, as 8 bits have up to 4; what lies beyond is stored too, for the tails."""


@dataclass(frozen=True)
class Recipe:
    """How a model is made integer."""

    where: str = "all"
    strategy: Strategy = "optimal"
    entries: int = 8
    bits: int = 10
    gelu: Gelu = "16 bits"
    tokens: int = 32
    defaults: bool = False
    """Every pass as it comes, but for `where`: what is above does not count."""


def shown(found: Agreement) -> str:
    """What a cell of a table holds."""
    return f"{found.mean_cosine:.5f} / {found.worst_cosine:.4f} / {found.same_nearest:.1%}"


def corpus(size: int) -> tuple[list[str], list[str]]:
    """Sentences to calibrate on and others, `size` of them, to evaluate on."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[key] for key in sorted(topics))
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    found: dict[str, None] = {}
    for paragraph in paragraphs:
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", paragraph):
            plain = re.fullmatch(r"[A-Z][A-Za-z ,;'()-]+[.?!]", sentence)
            if plain and 40 <= len(sentence) <= 140:
                found[sentence] = None
    every = list(found)
    calibration, rest = every[::16][:32], [s for i, s in enumerate(every) if i % 16]
    wanted = max(size - len(EVALUATION), 0)
    step = len(rest) / max(wanted, 1)
    chosen = [rest[int(i * step)] for i in range(wanted)]
    return [*CALIBRATION, *calibration], [*EVALUATION[:size], *chosen]


class Study:
    """The model, its exports, and what has been measured."""

    def __init__(self, size: int, backend: str) -> None:
        self.demo: Demo = load()
        self.backend = backend
        self.calibration, self.evaluation = corpus(size)
        self._texts: dict[int, str] = {}
        self._references: dict[int, Embeddings] = {}
        self.measured: dict[Recipe, Agreement] = {}
        self.seconds: dict[str, list[float]] = {"search": [], "compile": [], "run": []}

    def batches(self, sentences: Sequence[str], tokens: int) -> list[Tokens]:
        """Ids and masks of 8 × tokens, the last batch filled with empty sentences."""
        filled = [*sentences, *[""] * (-len(sentences) % BATCH)]
        made: list[Tokens] = []
        for start in range(0, len(filled), BATCH):
            encoded = self.demo.tokenizer(
                filled[start : start + BATCH],
                padding="max_length",
                truncation=True,
                max_length=tokens,
                return_tensors="pt",
            )
            made.append((encoded["input_ids"], encoded["attention_mask"]))
        return made

    def embed(self, run: Callable[[Tokens], Any], tokens: int) -> Embeddings:
        """Embeddings of the evaluation sentences."""
        with torch.no_grad():
            parts = [np.asarray(run(batch)) for batch in self.batches(self.evaluation, tokens)]
        return np.concatenate(parts)[: len(self.evaluation)]

    def reference(self, tokens: int) -> Embeddings:
        """What PyTorch computes."""
        if tokens not in self._references:
            self._references[tokens] = self.embed(lambda batch: self.demo.model(*batch), tokens)
        return self._references[tokens]

    def text(self, tokens: int) -> str:
        """The exported module, with the ranges seen in calibration."""
        if tokens not in self._texts:
            batches = self.batches(self.calibration, tokens)
            calibration = calibrate(self.demo.model, batches, method="minmax")
            text = export_text(
                self.demo.model, *batches[0], calibration=calibration, histograms=True
            )
            self._texts[tokens] = text
        return self._texts[tokens]

    def lowered(self, recipe: Recipe) -> Program:
        """The module with units that have no tables yet."""
        ctx = context()
        program = parse(self.text(recipe.tokens), "minilm.mlir", ctx)
        if recipe.gelu == "8 bits, clipped at 4":
            for op in program.module.walk():
                if op.name == "torch.aten.gelu":
                    bounds = (FloatAttr(bound, f64) for bound in CLIPPED_RANGE)
                    op.attributes[RANGE] = ArrayAttr(bounds)
                    op.attributes[BITS] = IntegerAttr(CLIPPED_BITS, i64)
        keep = [] if recipe.where == "all" else [k for k in KEEP if k != recipe.where]
        names = tuple(name for kind in keep for name in KEEP[kind])
        if recipe.defaults:
            LowerNonlinearToPwlPass(keep=names).apply(ctx, program.module)
            return program
        bits = 8 if recipe.gelu == "8 bits" else 16
        LowerNonlinearToPwlPass(input_bits=bits, output_bits=16, keep=names).apply(
            ctx, program.module
        )
        return program

    def measure(self, recipe: Recipe) -> Agreement:
        """Compile one recipe, run it on every sentence, compare."""
        if recipe not in self.measured:
            progress(f"{recipe}")
            start = time.perf_counter()
            program = self.lowered(recipe)
            _search(recipe).apply(context(), program.module)
            searched = time.perf_counter()
            ConvertPwlToArithPass().apply(context(), program.module)
            executable = (iree if self.backend == "iree" else jit).compile(program)
            compiled = time.perf_counter()
            embeddings = self.embed(
                lambda batch: executable(*(tensor.numpy() for tensor in batch)), recipe.tokens
            )
            for name, since, until in (
                ("search", start, searched),
                ("compile", searched, compiled),
                ("run", compiled, time.perf_counter()),
            ):
                self.seconds[name].append(until - since)
            found = compare(embeddings, self.reference(recipe.tokens))
            self.measured[recipe] = found
            progress(f"  {shown(found)}")
        return self.measured[recipe]

    def floor(self, recipe: Recipe) -> Agreement:
        """PyTorch with the inputs of the operators rounded as the units would store them."""
        program = self.lowered(recipe)
        ops = [
            op for op in program.module.walk() if isinstance(op, ApplyOp | SoftmaxOp | LayerNormOp)
        ]
        kinds = {"gelu": ApplyOp, "softmax.int": SoftmaxOp, "layer_norm": LayerNormOp}
        graph = build(self.demo.model, Inputs.of(self.batches([""], recipe.tokens)[0]))
        rounds: dict[Node, Callable[[torch.Tensor], torch.Tensor]] = {}
        for name, kind in kinds.items():
            own = [op for op in ops if type(op) is kind and not _reduced(op)]
            nodes = [
                n for n, what in zip(graph.non_linear, graph.names, strict=True) if what == name
            ]
            if own:
                rounds |= {n: _rounding(op) for n, op in zip(nodes, own, strict=True)}

        class Rounding(Interpreter):
            def run_node(self, n: Node) -> Any:
                if n not in rounds:
                    return super().run_node(n)
                arguments, keywords = self.fetch_args_kwargs_from_env(n)
                return self.call_function(
                    n.target, (rounds[n](arguments[0]), *arguments[1:]), keywords
                )

        run = Rounding(graph.program.graph_module)

        def embed(batch: Tokens) -> Any:
            values = graph.bind(Inputs.of(batch))
            result = run.run(*values, enable_io_processing=False)
            return result[0] if isinstance(result, tuple | list) else result

        return compare(self.embed(embed, recipe.tokens), self.reference(recipe.tokens))


def _reduced(op: Any) -> bool:
    """A reciprocal of the model's own, which is in no row."""
    return isinstance(op, ApplyOp) and op.function_name != "gelu"


def _rounding(op: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """What storing its input does to the op."""
    kind = op.input_quantization
    clip = op.properties["clip"].value.data if isinstance(op, SoftmaxOp) else None

    def rounded(x: torch.Tensor) -> torch.Tensor:
        q = kind.quantize(x.numpy().astype(np.float64))
        real = kind.dequantize(q)
        if clip is not None:  # what is masked is nothing
            distance = q - q.max(-1, keepdims=True)
            real = np.where(distance <= clip, -np.inf, distance * kind.scale)
        return torch.from_numpy(real.astype(np.float32))

    return rounded


def _search(recipe: Recipe) -> PwlSearchPass:
    if recipe.defaults:
        return PwlSearchPass()
    return PwlSearchPass(
        strategy=recipe.strategy,
        entries=recipe.entries,
        param_bits=recipe.bits,
        form="seed",
        weights="calibrated",
        # What was seen says what outliers are worth; clipped, nothing is lost beyond.
        right_tail="free" if recipe.gelu == "16 bits" else "auto",
    )
