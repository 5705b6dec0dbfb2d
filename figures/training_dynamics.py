"""Loss, confidence and margin of clean and of mislabelled samples over epochs, with drops of the learning rate.

It uses the finished runs of a study, without training: python figures/training_dynamics.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "training_dynamics", *sys.argv[1:]]))
