"""Mean rank of the methods under each noise, with its interval over seeds.

Drawn from the finished runs of a study, without training: python figures/method_ranks.py runs/noise_sweep
"""

from noisylab.cli.figure import draw

if __name__ == "__main__":
    draw("method_ranks", __doc__)
