"""The samples that are suspected most: image, true -> given, and the curve of the given label's probability.

Drawn from the finished runs of a study, without training: python figures/suspicious_samples.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("suspicious_samples", __doc__)
