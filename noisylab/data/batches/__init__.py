"""From a training set to batches on the device: samplers, batches, the loader."""
