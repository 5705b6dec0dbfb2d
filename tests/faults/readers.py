"""A small study, everything that can be read from it, and what happens if its files are damaged."""

import random
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from faults.damage import Damage, damages

from noisylab.api import open_study
from noisylab.study import known_whole
from noisylab.study.grid import Grid
from noisylab.study.plan import Plan, plan
from noisylab.study.run_folder import RESULT
from noisylab.study.runner import run_plan

# Of a run that was trained twice, these differ.
TIMES = ("seconds", "images_per_second")
STATIC = ("given", "true", "sample", "epoch")


class Tried(NamedTuple):
    """A damage: where and what, what readers made of it, and what the same sweep did."""

    file: str
    damage: str
    read: str
    healed: str


def small_plan(stack: int = 1, epochs: int = 2) -> Plan:
    """Four short runs."""
    from noisylab.training.config import TrainConfig

    training = TrainConfig(epochs=epochs, batch_size=32, stack=stack, device="cpu")
    grid = Grid(
        methods=("ce", "dlb"),
        noise=("symmetric:0.4",),
        seeds=(0, 1),
        train_size=100,
        test_size=50,
        model="small_cnn(width=4)",
        training=training,
    )
    return plan(grid)


def everything(study: Path, runs: list[str]) -> dict[str, Any]:
    """All that is read of a study: the table, and each run's records, metrics, outputs and network. Raises ValueError."""
    from noisylab.study.predictions import read_predictions
    from noisylab.study.run_folder import read_metrics

    opened = open_study(study)
    results = opened.results
    held: dict[str, Any] = {"results": results.drop(columns=[name for name in TIMES if name in results])}
    opened.status()
    for run in runs:
        if run not in set(results.get("id", ())):
            continue
        records = opened.records(run).load()
        held[f"{run} records"] = {str(name): records[name].values for name in sorted(map(str, records.variables))}
        held[f"{run} metrics"] = read_metrics(study / run).drop(columns=[*TIMES])
        held[f"{run} predictions"] = read_predictions(study / run)._asdict()
        held[f"{run} network"] = {key: value.numpy() for key, value in opened.network(run).state_dict().items()}
    return held


def same(one: Any, two: Any) -> bool:
    """Whether two things that were read are equal, NaN included."""
    try:
        np.testing.assert_equal(_plain(one), _plain(two))
    except AssertionError:
        return False
    return True


def _plain(held: Any) -> Any:
    if isinstance(held, Mapping):
        return {key: _plain(value) for key, value in held.items()}
    return held.to_dict("list") if hasattr(held, "to_dict") else held


def files_of(study: Path, run: str) -> Iterator[Path]:
    """The files of a run that are damaged in turn, and its record as a whole; then the files of the study."""
    folder = study / run
    yield from (path for path in sorted(folder.iterdir()) if path.name != ".lock")
    yield from (path for path in sorted((folder / "dynamics.zarr").rglob("*")) if path.is_file())
    yield from (study / name for name in ("study.json", "results.csv", known_whole.FILE))


def know_whole(study: Path, runs: list[str]) -> None:
    """Note the files of the finished runs as a sweep does that found them whole, without its wait for the clock."""
    with mock.patch.object(known_whole, "SETTLED", 0):
        stamps = {run: known_whole.stamp_of(study / run) for run in runs if (study / run / RESULT).is_file()}
    known_whole.write_known(study, {run: stamp for run, stamp in stamps.items() if stamp is not None})


def try_all(base: Path, planned: Plan, work: Path, *, seed: int = 0, most: int | None = None) -> Iterator[Tried]:
    """Damage copies of a study, each in one file, read them, and sweep them again.

    base: the study, finished or not. most: how many damages, drawn at random (None: all).
    """
    rng = random.Random(seed)
    runs = [config.id for config in planned.configs]
    target, other = runs[0], runs[2]
    whole = everything(base, runs)
    finished = work / "finished"
    if not finished.is_dir():
        shutil.copytree(base, finished)
        run_plan(planned, finished, jobs=1)
    reference = everything(finished, runs)
    cases = [(file.relative_to(base), damage) for file in files_of(base, target) for damage in damages(rng)]
    if most is not None:
        cases = rng.sample(cases, min(most, len(cases)))
    for file, damage in cases:
        study, evidence = work / "study", work / "evidence"
        shutil.rmtree(study, ignore_errors=True)
        shutil.copytree(base, study)
        know_whole(study, runs)
        same_of_other = base / str(file).replace(target, other)
        damage.do(study / file, same_of_other, evidence)
        tried = _try(study, planned, runs, damage, file, whole, reference)
        if evidence.exists():
            tried = tried._replace(read="EXECUTED")
            evidence.unlink()
        yield tried


def _try(
    study: Path,
    planned: Plan,
    runs: list[str],
    damage: Damage,
    file: Path,
    whole: Mapping[str, Any],
    reference: Mapping[str, Any],
) -> Tried:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            held = everything(study, runs)
            if same(held, whole):
                read = "same"
            elif not (study / runs[0] / "result.json").exists() and len(held["results"]) < len(runs):
                read = "unfinished"
            elif said and all(same(held[name], whole[name]) for name in held if name != "results"):
                read = f"left out: {said[0].message}"
            else:
                read = "SILENT"
        except ValueError as error:
            read = f"refused: {error}"
        except Exception as error:
            read = f"TRACEBACK {type(error).__name__}: {error}"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            failures = run_plan(planned, study, jobs=1)
            if failures:
                healed = f"FAILED {failures}"
            else:
                healed = "healed" if same(everything(study, runs), reference) else "OTHER NUMBERS"
        except ValueError as error:
            healed = f"refused: {error}"
        except Exception as error:
            healed = f"TRACEBACK {type(error).__name__}: {error}"
        healed += f" | {said[0].message}" if said else ""
    return Tried(str(file), damage.name, read, healed)


def summary(tried: list[Tried]) -> Counter[tuple[str, str]]:
    """How many damages were read and healed in each way."""
    return Counter((each.read.split(":")[0].split(" ")[0], each.healed.split(":")[0].split(" ")[0]) for each in tried)


def half_finished(planned: Plan, out: Path) -> None:
    """A study whose runs were stopped in their second epoch, each with a checkpoint of the first."""
    from noisylab.core.interrupts import Stopped
    from noisylab.study.run import run_one
    from noisylab.study.study_file import add_plan

    def stop(done: int) -> None:
        if done == 2:
            raise Stopped

    out.mkdir(parents=True)
    add_plan(out, planned)
    for config in planned.configs:
        with suppress(Stopped):
            run_one(config, planned.data[config.data_digest], out, stop, checkpoint_seconds=0)
    (out / "results.csv").touch()
