"""Test accuracy and memorisation against the age of soft targets: `noisylab sweep teacher_age`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "teacher_age", *sys.argv[1:]]))
