"""Signals stop a study within seconds, and keep every epoch that is finished."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from noisylab.core.interrupts import Stopped, is_stop, stoppable
from noisylab.study.progress import read_progress
from noisylab.study.run_folder import CHECKPOINT
from noisylab.study.runner import Observer, run_plan
from noisylab.training.checkpoint import saved_epoch

SWEEP = [
    "--stack",
    "1",
    "--methods",
    "ce",
    "--noise",
    "symmetric:0.4",
    "--train-size",
    "200",
    "--test-size",
    "50",
    "--epochs",
    "3000",
]


def test_a_signal_is_told_from_what_code_raises() -> None:
    # A shell that starts the tests in the background lets them ignore it.
    before = signal.getsignal(signal.SIGINT)
    assert is_stop(KeyboardInterrupt())
    with stoppable():
        assert not is_stop(KeyboardInterrupt())
        with pytest.raises(Stopped) as stopped:
            os.kill(os.getpid(), signal.SIGTERM)
        assert stopped.value.number == signal.SIGTERM
        assert is_stop(stopped.value)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
@pytest.mark.parametrize("stack", [1, 2])
def test_epochs_since_the_last_checkpoint_are_kept(stack: int, tmp_path: Path) -> None:
    from faults.readers import everything, same, small_plan

    planned = small_plan(stack=stack, epochs=4)
    runs = [config.id for config in planned.configs]
    run_plan(planned, tmp_path / "whole", jobs=1)

    class Stops(Observer):
        def on_progress(self, epochs: Any) -> None:
            if max(epochs) == 3:
                os.kill(os.getpid(), signal.SIGUSR1)

    with pytest.raises(Stopped):
        run_plan(planned, tmp_path / "stopped", jobs=1, observer=Stops())
    # The signal came in the third epoch, before it was over; no checkpoint was due.
    saved = sorted(saved_epoch(tmp_path / "stopped" / run / CHECKPOINT) for run in runs)
    assert saved == [0] * (4 - stack) + [2] * stack
    assert not run_plan(planned, tmp_path / "stopped", jobs=1)
    assert same(everything(tmp_path / "stopped", runs), everything(tmp_path / "whole", runs))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "jobs"),
    [("SIGINT", 1), ("SIGINT", 2), ("SIGTERM", 1), ("SIGTERM", 2), ("SIGHUP", 1), ("SIGUSR1", 1), ("SIGUSR1", 2)],
)
def test_the_command_stops_within_seconds_and_keeps_what_is_finished(name: str, jobs: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "noisylab", "sweep", *SWEEP, "--seeds", "2", "--jobs", str(jobs), "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        # An epoch is noted a moment before its state is taken.
        while sum(read_progress(path.parent).get("epoch", 0) > 1 for path in tmp_path.glob("*/progress.json")) < jobs:
            assert process.poll() is None
            time.sleep(0.1)
        asked = time.monotonic()
        process.send_signal(getattr(signal, name))
        said = process.stdout.read()
        status = process.wait()
        assert time.monotonic() - asked < 15
    assert status == 128 + getattr(signal, name)
    assert "the same command again finishes what is missing" in said
    saved = [saved_epoch(path) for path in tmp_path.glob(f"*/{CHECKPOINT}")]
    # No checkpoint was due in so short a time.
    assert len(saved) == jobs
    assert min(saved) > 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processor time of other processes is known on Linux alone")
def test_workers_that_a_busy_machine_lets_wait_keep_what_is_finished(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "noisylab", "sweep", *SWEEP, "--seeds", "2", "--jobs", "2", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        workers: list[dict[str, Any]] = []
        while len(workers) < 2:
            assert process.poll() is None
            time.sleep(0.1)
            notes = [read_progress(path.parent) for path in tmp_path.glob("*/progress.json")]
            workers = [note for note in notes if note.get("epoch", 0) > 1]
        for note in workers:
            os.kill(note["process"], signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        # Longer than processes get that are at work.
        time.sleep(7)
        for note in workers:
            os.kill(note["process"], signal.SIGCONT)
        process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    saved = [saved_epoch(path) for path in tmp_path.glob(f"*/{CHECKPOINT}")]
    assert len(saved) == 2
    assert min(saved) > 0
