"""The foundation: checks, specs, registries, files, seeds, the machine, and several processes."""
