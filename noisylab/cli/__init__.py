"""The `noisylab` command: parses arguments, prints, and exits. Nothing else in the package does."""
