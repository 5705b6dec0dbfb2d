"""Losses of clean and of mislabelled samples, one ridge per epoch.

Drawn from the finished runs of a study, without training: python figures/loss_separation.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("loss_separation", __doc__)
