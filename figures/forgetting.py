"""How often samples are forgotten, and when they are learnt for good.

Drawn from the finished runs of a study, without training: python figures/forgetting.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("forgetting", __doc__)
