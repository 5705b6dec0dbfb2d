"""One file a noise kind; `noisylab.core.registries.NOISE` knows them by name."""
