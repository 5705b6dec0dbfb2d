"""Studies that have a name: a file each, a grid and what to show of it. `noisylab sweep NAME` runs one."""
