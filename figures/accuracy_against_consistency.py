"""Test accuracy against how consistently samples are predicted, over the strength of distillation.

It uses the finished runs of a study, without training: python figures/accuracy_against_consistency.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "accuracy_against_consistency", *sys.argv[1:]]))
