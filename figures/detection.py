"""How well each score finds the mislabelled samples: ROC, precision-recall, and ROC-AUC over epochs.

Drawn from the finished runs of a study, without training: python figures/detection.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("detection", __doc__)
