"""DLB where every wrong label is memorised: `noisylab sweep memorisation_regime`."""

import sys

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["sweep", "memorisation_regime", *sys.argv[1:]]))
