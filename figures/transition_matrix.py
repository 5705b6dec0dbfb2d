"""The requested and the realised transition matrix, and the rate of every class.

It uses the finished runs of a study, without training: python figures/transition_matrix.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "transition_matrix", *sys.argv[1:]]))
