"""The state of every planned run of a study, and how long the rest takes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noisylab.recording.records import FILE as DYNAMICS
from noisylab.study.failure import read_failure
from noisylab.study.progress import is_locked, read_progress
from noisylab.study.run_folder import CHECKPOINT, CONFIG, read_result
from noisylab.study.study_file import planned_runs

STATES = ("done", "running", "failed", "begun", "planned")


def states(study: Path) -> list[dict[str, Any]]:
    """A row per planned run: what names it, and its `state_of`."""
    return [run | state_of(study / run["id"]) for run in planned_runs(study)]


def state_of(folder: Path) -> dict[str, Any]:
    """The `state` of the run in a folder, `where` a process is at it, `epoch` of `epochs`, and the `reason` if it failed.

    epoch: of a run that is begun, the one from which it goes on.
    """
    found: dict[str, Any] = {"state": "planned", "where": "", "epoch": 0, "epochs": 0, "reason": ""}
    if read_result(folder) is not None:
        return found | {"state": "done"}
    note = read_progress(folder)
    found |= {name: note[name] for name in ("epoch", "epochs") if name in note}
    if is_locked(folder):
        where = f"process {note['process']} on {note['host']}" if note else "another process"
        return found | {"state": "running", "where": where}
    if (failure := read_failure(folder)) is not None:
        return found | {"state": "failed", "reason": failure["reason"], "epoch": failure.get("epochs", 0)}
    return found | {"state": "begun", **_saved(folder)} if (folder / CONFIG).is_file() else found


def _saved(folder: Path) -> dict[str, int]:
    """The `epoch` from which an unfinished run goes on, and all its `epochs`; without `epochs` if it has no records.

    A note tells what was trained when its process ended, and a process that stops takes it away. The records are made durable
    right before the checkpoint is written, and can be read without torch.
    """
    try:
        held = json.loads((folder / DYNAMICS / "zarr.json").read_text(encoding="utf-8"))["attributes"]
        epochs, done = int(held["epochs"]), int(held["epochs_done"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {"epoch": 0}
    return {"epoch": done if (folder / CHECKPOINT).is_file() else 0, "epochs": epochs}


def seconds_left(study: Path, runs: Sequence[Mapping[Any, Any]]) -> float | None:
    """Seconds of training that planned runs still take in one process; None if no run is done to judge by.

    A run of a stack counts with its share of the stack's time. A run is taken to last as long as the mean of those of its
    method, or of all if none of its method is done.
    """
    took: dict[str, list[float]] = {}
    for run in runs:
        if run["state"] == "done" and (result := read_result(study / run["id"])) is not None:
            took.setdefault(run["method"], []).append(float(result["seconds"]))
    if not took:
        return None
    everything = [seconds for each in took.values() for seconds in each]
    left = 0.0
    for run in runs:
        if run["state"] in ("running", "begun", "planned"):
            known = took.get(run["method"], everything)
            share = 1 - run["epoch"] / run["epochs"] if run["epochs"] else 1.0
            left += share * sum(known) / len(known)
    return left
