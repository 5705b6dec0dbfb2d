"""What everything stands on: checks, specs, registries, files, seeds, this machine, several processes."""
