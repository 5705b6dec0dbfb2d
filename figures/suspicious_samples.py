"""The most suspect samples: image, true -> given, and the curve of the given label's probability.

It uses the finished runs of a study, without training: python figures/suspicious_samples.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "suspicious_samples", *sys.argv[1:]]))
