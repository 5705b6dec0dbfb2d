"""The engine of studies: a grid, its runs, their folders."""
