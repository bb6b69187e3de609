"""
Reading and writing MLIR text: our parser beside stock xDSL's, on a model and with large weights.

Claim: a real model parses faster than with stock xDSL, and keeps its locations, which stock xDSL
drops; weights cost no more than a copy of their text.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from measure import paired, report, table
from models import bert_base
from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import OpAsmDialectInterface
from xdsl.parser import Parser

from lut_opt.dialects.assembly import context, parse, print_program


def stock_context() -> Context:
    """As `xdsl-opt --allow-unregistered-dialect` has it."""
    ctx = Context(allow_unregistered=True)
    for name, factory in get_all_dialects().items():
        ctx.register_dialect(name, factory)
    ctx.load_registered_dialect("builtin")
    return ctx


def stock(text: str, make_context: Callable[[], Context]) -> Callable[[], object]:
    """A run of xDSL's own parser."""

    def run() -> object:
        ctx = make_context()
        module = Parser(ctx, text).parse_module()
        # Weights stay in a store of the process, which a second parse would grow.
        store = ctx.get_dialect("builtin").get_interface(OpAsmDialectInterface)
        if store is not None:
            store._blob_storage.clear()
        return module

    return run


def with_weights(megabytes: int) -> str:
    """One constant whose data is so many megabytes of hexadecimal text."""
    size = megabytes * 1_000_000 // 8
    data = "0000803F" * size
    return (
        f'"builtin.module"() ({{\n  %0 = "arith.constant"() <{{value = dense_resource<w> : '
        f"tensor<{size}xf32>}}> : () -> tensor<{size}xf32>\n}}) : () -> ()\n\n"
        f'{{-#\n  dialect_resources: {{\n    builtin: {{\n      w: "0x04000000{data}"\n'
        "    }\n  }\n#-}\n"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=100, help="of weights (default: 100)")
    options = parser.parse_args()
    model, weights = bert_base().read_text(), with_weights(options.megabytes)
    program = parse(model, "model", context())
    heavy = parse(weights, "weights", context())
    light = {
        "model: lut-opt, with locations": lambda: parse(model, "model", context()),
        "model: stock xDSL, our dialects": stock(model, context),
        "model: stock xDSL, unregistered": stock(model, stock_context),
        "model: print": lambda: print_program(program),
        "model: print, generic, locations": lambda: print_program(
            program, generic=True, debuginfo=True
        ),
    }
    large = {
        "weights: lut-opt": lambda: parse(weights, "weights", context()),
        "weights: stock xDSL": stock(weights, stock_context),
        "weights: print": lambda: print_program(heavy),
    }
    rows: list[tuple[str, float, float, float]] = []
    for runs, repetitions, size in ((light, options.repetitions, model), (large, 3, weights)):
        for name, timing in paired(runs, repetitions).items():
            rows.append((name, timing.median, timing.minimum, timing.median * 1e6 / len(size)))
    report(
        f"Parsing {len(model) / 1e6:.2f} MB of a BERT-base encoder, and {options.megabytes} MB of "
        "weights: seconds",
        f"{options.repetitions} runs each, in turn; 3 runs each with weights",
        table(("", "median", "minimum", "s per MB"), rows),
    )


if __name__ == "__main__":
    main()
