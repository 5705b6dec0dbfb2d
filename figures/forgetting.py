"""How often samples are forgotten, and when they are learnt for good.

It uses the finished runs of a study, without training: python figures/forgetting.py runs/noise_sweep
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "forgetting", *sys.argv[1:]]))
