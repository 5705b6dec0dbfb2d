"""Test accuracy, and what becomes of mislabelled samples, over epochs.

Drawn from the finished runs of a study, without training: python figures/memorisation.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "memorisation", *sys.argv[1:]]))
