"""How consistently clean and mislabelled samples are predicted: over samples, and over epochs.

It uses the finished runs of a study, without training: python figures/consistency.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "consistency", *sys.argv[1:]]))
