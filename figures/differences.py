"""The paired differences between methods, pooled over the noisy settings and under each noise.

It uses the finished runs of a study, without training: python figures/differences.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "differences", *sys.argv[1:]]))
