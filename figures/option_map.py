"""Test accuracy over two options of a method.

Drawn from the finished runs of a study, without training: python figures/option_map.py runs/sensitivity
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("option_map", __doc__)
