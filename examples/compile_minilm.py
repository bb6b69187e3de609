"""
A pretrained sentence encoder on integers, in one call: tables chosen to meet a target.

    python examples/compile_minilm.py --output build/minilm

Exit code 1 if the target is missed on sentences that neither calibration nor choice has seen.
"""

from __future__ import annotations

import argparse
import sys

from minilm_demo import load
from sentences import CALIBRATION, EVALUATION

import lut_opt


def main() -> int:
    """Compile, save, and say what it is worth."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "-o", "--output", default="build/minilm", help="a new folder (default: %(default)s)"
    )
    parser.add_argument("--target", default="cosine >= 0.999", help="default: %(default)s")
    options = parser.parse_args()

    demo = load()
    seen, held_out = demo.batches(CALIBRATION), demo.batches(EVALUATION)

    compiled = lut_opt.compile(demo.model, calibrate=seen, held_out=held_out, target=options.target)
    compiled.save(options.output)

    print(compiled.accuracy)
    print(f"{compiled.table_bits} bits of distinct tables; report: {options.output}/report.html")
    return 0 if compiled.accuracy.met else 1


if __name__ == "__main__":
    sys.exit(main())
