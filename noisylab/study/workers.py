"""The processes that train runs: how they start."""

import multiprocessing
import sys
from multiprocessing import forkserver
from multiprocessing.context import BaseContext


def worker_context() -> BaseContext:
    """The way in which worker processes are made.

    On Linux they are forked from a server that has imported what a run needs, once for all of them. No other process is forked,
    since threads and a GPU that are in use do not survive it. Elsewhere every process imports everything itself.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["noisylab.study.worker_imports"])
    return context


def prepare_workers() -> None:
    """Let the server begin its imports, which take seconds, while this process does something else."""
    if worker_context().get_start_method() == "forkserver":
        forkserver.ensure_running()
