"""Whether methods rank alike under human noise and under its controls: `noisylab sweep human_noise`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "human_noise", *sys.argv[1:]]))
