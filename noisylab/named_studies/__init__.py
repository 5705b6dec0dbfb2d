"""One file for each named study: a grid, and what to show of it. `noisylab sweep NAME` runs one."""
