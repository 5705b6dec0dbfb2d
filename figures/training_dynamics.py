"""Loss, confidence and margin of clean and of mislabelled samples over epochs, learning-rate drops marked.

Drawn from the finished runs of a study, without training: python figures/training_dynamics.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("training_dynamics", __doc__)
