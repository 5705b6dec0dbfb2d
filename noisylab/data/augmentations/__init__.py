"""One file a family of augmentations."""
