"""One self-contained HTML page of a study: `python -m noisylab.report runs/STUDY`."""
