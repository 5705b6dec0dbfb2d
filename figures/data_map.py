"""Confidence against variability of every sample (data map), clean and mislabelled ones marked.

Drawn from the finished runs of a study, without training: python figures/data_map.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "data_map", *sys.argv[1:]]))
