"""How well each score finds the mislabelled samples, under every noise.

It uses the finished runs of a study, without training: python figures/detection_summary.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "detection_summary", *sys.argv[1:]]))
