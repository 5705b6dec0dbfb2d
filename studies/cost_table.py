"""What every method costs, measured: `noisylab costs`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["costs", *sys.argv[1:]]))
