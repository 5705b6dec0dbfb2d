"""Test accuracy over two options of a method.

It uses the finished runs of a study, without training: python figures/option_map.py runs/sensitivity
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "option_map", *sys.argv[1:]]))
