"""Test accuracy against the noise rate: a line per method, a panel per noise kind.

Drawn from the finished runs of a study, without training: python figures/noise_robustness.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("noise_robustness", __doc__)
