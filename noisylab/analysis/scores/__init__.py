"""One file for each family of per-sample scores."""
