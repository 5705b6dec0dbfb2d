"""A method that takes its time, for tests that end processes in the middle of runs."""

from pathlib import Path

# A method that leaves a line for every start of a run, and takes its time.
SLOW_METHOD = """
import os, time
from torch.nn import functional
from noisylab.core.registries import METHODS
from noisylab.methods import Method

@METHODS.register("slow_ce")
class SlowCE(Method):
    '''Cross-entropy that says that it starts.'''

    def prepare(self, teachers):
        with open(os.environ["STARTS"], "a") as file:
            file.write(f"{os.getpid()}\\n")

    def loss_from_logits(self, logits, batch):
        time.sleep(0.02)
        return functional.cross_entropy(logits, batch.labels)
"""


def started(file: Path) -> int:
    """How often a run was started, if STARTS is the path of `file`."""
    return len(file.read_text().split()) if file.exists() else 0
