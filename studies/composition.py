"""DLB on losses that are made for label noise: `noisylab sweep composition`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "composition", *sys.argv[1:]]))
