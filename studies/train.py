"""One run, with its metrics as they come: `noisylab train`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["train", *sys.argv[1:]]))
