"""Test accuracy, and what becomes of mislabelled samples, over epochs, under the hardest noise of a study.

Drawn from the finished runs of a study, without training: python figures/memorisation.py runs/noise_sweep
"""

from noisylab.plotting.script import draw
from noisylab.plotting.study import story_of

if __name__ == "__main__":
    draw("memorisation", __doc__, story_of)
