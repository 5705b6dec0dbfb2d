"""Losses of clean and of mislabelled samples, one ridge per epoch.

It uses the finished runs of a study, without training: python figures/loss_separation.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "loss_separation", *sys.argv[1:]]))
