"""Test accuracy of the methods over the values of a setting.

Drawn from the finished runs of a study, without training: python figures/axis_comparison.py runs/augmentation
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("axis_comparison", __doc__)
