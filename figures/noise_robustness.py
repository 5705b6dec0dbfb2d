"""Test accuracy against the noise rate: a line per method, a panel per noise kind.

Drawn from the finished runs of a study, without training: python figures/noise_robustness.py runs/noise_sweep
"""

from noisylab.plotting.script import draw
from noisylab.plotting.study import robustness_of

if __name__ == "__main__":
    draw("noise_robustness", __doc__, lambda results, _: robustness_of(results))
