"""Test accuracy against the noise rate: a line per method, a panel per noise kind.

It uses the finished runs of a study, without training: python figures/noise_robustness.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "noise_robustness", *sys.argv[1:]]))
