"""What the server of worker processes imports (`workers.py`)."""

import gc

from noisylab.core.system import without_collections

with without_collections():
    import noisylab.study.run
    import noisylab.study.trained_network  # noqa: F401

# A collection in a worker would write to all the memory that it shares with the server.
gc.freeze()
