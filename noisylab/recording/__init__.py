"""Per-sample records of anyone's training loop."""
