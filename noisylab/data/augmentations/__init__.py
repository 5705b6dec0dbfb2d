"""One file for each family of augmentations."""
