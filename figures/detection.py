"""How well each score finds the mislabelled samples: ROC, precision-recall, and ROC-AUC over epochs.

It uses the finished runs of a study, without training: python figures/detection.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "detection", *sys.argv[1:]]))
