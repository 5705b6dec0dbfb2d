"""`python -m noisylab` is the command `noisylab`."""

from noisylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
