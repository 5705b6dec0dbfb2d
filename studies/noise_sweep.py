"""How test accuracy and memorisation depend on the label noise: `noisylab sweep noise_sweep`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "noise_sweep", *sys.argv[1:]]))
