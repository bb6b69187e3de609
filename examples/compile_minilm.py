"""
A pretrained sentence encoder on integers, in one call: tables chosen to meet a target.

    python examples/compile_minilm.py --output build/minilm

Exit code 1 if the target is missed on sentences that neither calibration nor choice has seen.
"""

from __future__ import annotations

import sys
from typing import Any

import one_call
from minilm_demo import load
from sentences import CALIBRATION, EVALUATION


def given() -> tuple[Any, dict[str, Any]]:
    """The encoder, and sentences to calibrate on and to measure on."""
    demo = load()
    return demo.model, {
        "calibrate": demo.batches(CALIBRATION),
        "held_out": demo.batches(EVALUATION),
    }


if __name__ == "__main__":
    sys.exit(one_call.main(__doc__, "minilm", given))
