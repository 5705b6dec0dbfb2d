"""The transition matrix asked for beside the realised one, and the rate of every class.

Drawn from the finished runs of a study, without training: python figures/transition_matrix.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("transition_matrix", __doc__)
