"""Confidence against variability of every sample (data map), clean and mislabelled ones marked.

Drawn from the finished runs of a study, without training: python figures/data_map.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("data_map", __doc__)
