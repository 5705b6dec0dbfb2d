"""All training methods side by side: `noisylab sweep method_comparison`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "method_comparison", *sys.argv[1:]]))
