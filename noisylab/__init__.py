"""noisylab: how robust is self-distillation from the last mini-batch to wrong labels, and why."""

__version__ = "0.1.0"
