"""One file a noise kind; `noisylab.core.registries.NOISES` knows them by name."""
