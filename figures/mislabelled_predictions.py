"""What mislabelled samples are predicted as, over epochs.

It uses the finished runs of a study, without training: python figures/mislabelled_predictions.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "mislabelled_predictions", *sys.argv[1:]]))
