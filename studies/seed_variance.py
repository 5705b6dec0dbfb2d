"""The spread over noise seeds and over training seeds: `noisylab sweep seed_variance`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "seed_variance", *sys.argv[1:]]))
