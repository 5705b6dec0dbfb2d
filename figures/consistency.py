"""How consistently clean and mislabelled samples are predicted: over samples, and over epochs.

Drawn from the finished runs of a study, without training: python figures/consistency.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("consistency", __doc__)
