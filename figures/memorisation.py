"""Test accuracy and the memorised share, against the images processed.

It uses the finished runs of a study, without training: python figures/memorisation.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "memorisation", *sys.argv[1:]]))
