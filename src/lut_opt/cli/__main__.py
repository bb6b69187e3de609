"""`python -m lut_opt.cli` is `lut-opt`."""

import sys

from lut_opt.cli import main

if __name__ == "__main__":
    sys.exit(main())
