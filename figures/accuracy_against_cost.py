"""Test accuracy of the methods against what a run of them costs.

It uses the finished runs of a study, without training: python figures/accuracy_against_cost.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "accuracy_against_cost", *sys.argv[1:]]))
