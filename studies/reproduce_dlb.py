"""The DLB paper's comparison with CE, with its public code's protocol: `noisylab sweep reproduce_dlb`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "reproduce_dlb", *sys.argv[1:]]))
