"""What hands the runs of a study to processes, here or on other machines: one file an engine."""
