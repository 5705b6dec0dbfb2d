"""Accuracy against the consistency that DLB's alpha brings: `noisylab sweep dose`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "dose", *sys.argv[1:]]))
