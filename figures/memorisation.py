"""Test accuracy, and what becomes of mislabelled samples, over epochs.

Drawn from the finished runs of a study, without training: python figures/memorisation.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("memorisation", __doc__)
