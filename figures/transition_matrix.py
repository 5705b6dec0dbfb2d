"""The transition matrix asked for beside the realised one, and the rate of every class.

Drawn from the finished runs of a study, without training: python figures/transition_matrix.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "transition_matrix", *sys.argv[1:]]))
