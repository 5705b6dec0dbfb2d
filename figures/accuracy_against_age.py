"""Test accuracy and the memorised share, against the age of the soft targets.

It uses the finished runs of a study, without training: python figures/accuracy_against_age.py runs/teacher_age
"""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["figure", "accuracy_against_age", *sys.argv[1:]]))
