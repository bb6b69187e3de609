"""
A pretrained sentence encoder on integers, in one call: tables chosen to meet a target.

    python examples/compile_minilm.py [FOLDER]

Exit code 1 if the target is missed on sentences that neither calibration nor choice has seen.
"""

from __future__ import annotations

import sys

from minilm_demo import load
from sentences import CALIBRATION, EVALUATION

import lut_opt


def main(folder: str = "build/minilm", target: str = "cosine >= 0.999") -> int:
    """Compile, save, and say what it is worth."""
    demo = load()
    seen, held_out = demo.batches(CALIBRATION), demo.batches(EVALUATION)

    compiled = lut_opt.compile(demo.model, calibrate=seen, held_out=held_out, target=target)
    compiled.save(folder)

    print(compiled.accuracy)
    print(f"{compiled.table_bits} bits of distinct tables; report: {folder}/report.html")
    return 0 if compiled.accuracy.met else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
