"""Learning rates and options, chosen on noisy validation samples: `noisylab sweep tune`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "tune", *sys.argv[1:]]))
