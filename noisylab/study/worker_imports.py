"""What the server of worker processes imports (`workers.py`)."""

import gc
import signal

from noisylab.core.system import without_collections

# An interrupt is for the parent; without this, one during the imports ends in a traceback.
signal.signal(signal.SIGINT, signal.SIG_IGN)
with without_collections():
    import noisylab.study.run
    import noisylab.study.trained_network  # noqa: F401

# A collection in a worker would write to all the memory that it shares with the server.
gc.freeze()
