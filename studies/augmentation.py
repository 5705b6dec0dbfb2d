"""Augmentations x {CE, repeat, DLB}: `noisylab sweep augmentation`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "augmentation", *sys.argv[1:]]))
