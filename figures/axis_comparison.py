"""Test accuracy of the methods over the values of a setting.

It uses the finished runs of a study, without training: python figures/axis_comparison.py runs/augmentation
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "axis_comparison", *sys.argv[1:]]))
