"""One file a family of per-sample scores."""
