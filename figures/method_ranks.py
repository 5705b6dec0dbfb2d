"""Mean rank of the methods under each noise, with its interval over seeds.

It uses the finished runs of a study, without training: python figures/method_ranks.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "method_ranks", *sys.argv[1:]]))
