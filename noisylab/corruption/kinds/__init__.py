"""One file for each noise kind, registered in `noisylab.core.registries.NOISES`."""
