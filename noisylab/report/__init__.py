"""One self-contained HTML page of a study: `python -m noisylab.cli.report runs/STUDY`."""
