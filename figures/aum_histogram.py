"""Areas under the margin (AUM) of clean and of mislabelled samples.

It uses the finished runs of a study, without training: python figures/aum_histogram.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "aum_histogram", *sys.argv[1:]]))
