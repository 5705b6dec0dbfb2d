"""Confidence against variability of every sample (data map), with clean and mislabelled samples marked.

It uses the finished runs of a study, without training: python figures/data_map.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "data_map", *sys.argv[1:]]))
