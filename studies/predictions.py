"""Five predictions about self-distillation under label noise: `noisylab sweep predictions`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "predictions", *sys.argv[1:]]))
