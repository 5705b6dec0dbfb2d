"""DLB over its temperature and alpha, and over the batch size: `noisylab sweep sensitivity`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "sensitivity", *sys.argv[1:]]))
