"""Tables of a study, its progress, and its HTML page (`noisylab report runs/STUDY`)."""
