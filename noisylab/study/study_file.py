"""`study.json`: the grids that were run in a study folder, each with its planned runs."""

import json
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisylab.core.files import write_atomically
from noisylab.core.foreign_text import one_line
from noisylab.core.plugins import load_plugins, loaded_plugins
from noisylab.study.failure import read_failure
from noisylab.study.grid import Grid
from noisylab.study.locks import locked
from noisylab.study.plan import Plan
from noisylab.study.result import labels_of
from noisylab.study.run_config import FORMAT, RunConfig
from noisylab.study.run_folder import CONFIG, check_format, read_config, read_result

if TYPE_CHECKING:
    import pandas

STUDY = "study.json"


def add_plan(study: Path, plan: Plan, contrasts: Sequence[tuple[str, str]] = ()) -> None:
    """Enter a grid and its planned runs, unless they are there already. Raises ValueError for a folder of another format.

    contrasts: of a named study, pairs of methods as tables name them; none: those that were entered with the same grid stay.
    """
    if not (study / STUDY).is_file():
        for config in study.glob(f"*/{CONFIG}"):
            read_config(config.parent)
    labels: dict[tuple[str, ...], dict[str, str]] = {}
    runs = [_planned(plan, config, labels) for config in plan.configs]
    entry = {"grid": plan.grid.as_json(), "plugins": list(loaded_plugins()), "runs": runs}
    entry = json.loads(json.dumps(entry))
    whole = entry | ({"contrasts": [list(pair) for pair in contrasts]} if contrasts else {})
    with locked(study / ".study.lock"):
        if (reason := _damage(study / STUDY)) is not None:
            aside = study / f"{STUDY}.damaged"
            (study / STUDY).replace(aside)
            warnings.warn(f"{STUDY} was damaged ({reason}) and is written anew; the old one is {str(aside)!r}", stacklevel=2)
        grids = read_plans(study)
        known = [{name: value for name, value in held.items() if name != "contrasts"} for held in grids]
        there = known.index(entry) if entry in known else None
        if there is None or (contrasts and (grids[there] != whole or there != len(grids) - 1)):
            # The contrasts of the study that was run last are shown.
            grids = [*(held for place, held in enumerate(grids) if place != there), whole]
            write_atomically(study / STUDY, json.dumps({"format": FORMAT, "grids": grids}, indent=1) + "\n")


def read_plans(study: Path) -> list[dict[str, Any]]:
    """The grids, each {"grid": settings, "runs": [{"id": ..., ...}]}; an empty list if there is no file.

    Raises ValueError if the file is damaged or has another format.
    """
    if (reason := _damage(study / STUDY)) is not None:
        raise ValueError(f"{str(study / STUDY)!r} is damaged ({reason}); the same sweep writes it anew")
    try:
        held = json.loads((study / STUDY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    check_format(held, study / STUDY)
    return list(held["grids"])


def _damage(file: Path) -> str | None:
    """Why `study.json` is not what a sweep wrote; None if it is, or there is none, or it has another format."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {one_line(error)}"
    if not isinstance(held, dict) or not isinstance(held.get("format"), int):
        return "it is no study"
    known = {"id", "method", "noise", "seed"}
    if held["format"] == FORMAT and not (
        isinstance(grids := held.get("grids"), list)
        and all(isinstance(entry, dict) and isinstance(entry.get("grid"), dict) for entry in grids)
        and all(isinstance(entry.get(name), list) for entry in grids for name in ("plugins", "runs"))
        and all(isinstance(plugin, str) for entry in grids for plugin in entry["plugins"])
        and all(isinstance(run, dict) and known <= run.keys() for entry in grids for run in entry["runs"])
        and all(_is_pair(pair) for entry in grids for pair in _items(entry.get("contrasts", [])))
    ):
        return "its grids are not those of a sweep"
    return None


def _items(value: Any) -> list[Any]:
    """The items of a list; of anything else, itself."""
    return value if isinstance(value, list) else [value]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(name, str) for name in value)


def planned_runs(study: Path) -> list[dict[str, Any]]:
    """All planned runs, each once: {"id", "method", "noise", "seed"}, in the order of planning."""
    return list({run["id"]: run for entry in read_plans(study) for run in entry["runs"]}.values())


def coverage(study: Path, finished: Collection[str]) -> str:
    """How many of the planned runs are in, `2 of 4 runs, 1 failed`; empty if all are, or if none were planned."""
    planned = [run["id"] for run in planned_runs(study)]
    missing = [run for run in planned if run not in finished and read_result(study / run) is None]
    failed = sum(read_failure(study / run) is not None for run in missing)
    return f"{len(planned) - len(missing)} of {len(planned)} runs{f', {failed} failed' if failed else ''}" if missing else ""


def study_contrasts(study: Path, results: "pandas.DataFrame") -> list[tuple[str, str]]:
    """The primary contrasts of a study: those of the named study that was run in its folder last, or else the usual ones.

    results: rows of `results.csv`; contrasts are left out if one of their methods has no runs.
    """
    # Planning does without statistics.
    from noisylab.analysis.comparisons import of_run_methods, usual_contrasts

    for entry in reversed(read_plans(study)):
        if there := of_run_methods(results, entry.get("contrasts", ())):
            return there
    return usual_contrasts(results)


def grid_from(path: Path) -> Grid:
    """The grid that was asked for last, in a study's `study.json`. Raises ValueError naming the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    if (reason := _damage(path)) is not None:
        raise ValueError(f"{str(path)!r} is damaged ({reason})")
    held = json.loads(text)
    check_format(held, path)
    try:
        if not held.get("grids"):
            raise ValueError("it holds no grid")
        # A folder that was swept more than once holds several.
        last = held["grids"][-1]
        load_plugins(last["plugins"])
        return Grid.from_mapping(last["grid"])
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None


def _planned(plan: Plan, config: RunConfig, known: dict[tuple[str, ...], dict[str, str]]) -> dict[str, Any]:
    """A planned run; known: the labels of runs that differ in their seeds alone."""
    specs = config.data_digest, config.data, config.model, config.method, config.noise, config.augment
    if specs not in known:
        known[specs] = labels_of(config, plan.data[config.data_digest].noise_defaults)
    labels = known[specs]
    varied = {name: getattr(config.training, name) for name in plan.grid.over if hasattr(config.training, name)}
    return {"id": config.id, **labels, "seed": config.seed, **varied}
