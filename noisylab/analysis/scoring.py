"""Every per-sample score by name, from the records of one run or of many."""

import inspect
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from noisylab.analysis._running import Values
from noisylab.core.registries import SCORES

if TYPE_CHECKING:
    import xarray


def available(records: "xarray.Dataset") -> list[str]:
    """The names of the scores that these records allow: those whose variable was recorded, with any value."""

    def recorded(name: str) -> bool:
        if name == "agreement":
            return name in records and bool((records[name].values >= 0).any())
        # Without second presentations there is no divergence from them.
        return name in records and (name != "step_divergence" or bool(np.isfinite(records[name].values).any()))

    needs = {name: entry.facts["needs"] for name, entry in SCORES.entries().items()}
    found = {need: need == "correct" or recorded(need) for need in set(needs.values())}
    return [name for name, need in needs.items() if found[need]]


def is_high(name: str) -> bool:
    """Whether mislabelled samples have the high values of the score `name`."""
    return bool(SCORES.entries()[SCORES.parse(name).name].facts["high"])


def score(records: "xarray.Dataset | Sequence[xarray.Dataset]", name: str, *, running: bool = False) -> Values:
    """The score of every sample of a run; of several runs of the same samples, the mean.

    Args:
        records: As `load_dynamics` returns them, of one run or of several.
        name: A registered score, with options if it has any: `"aum"`, `"el2n(first=2)"`.
        running: Whether to return the score from the epochs up to each.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Raises:
        ValueError: For an unknown name, records that lack what the score needs, and runs of other samples, labels or kind of
            record.
    """
    spec = SCORES.parse(name)
    _check_records(records)
    if isinstance(records, Sequence):
        check_same_samples(records)
        return np.asarray(np.mean([score(each, name, running=running) for each in records], axis=0))
    function, need = SCORES.load(spec.name), SCORES.entries()[spec.name].facts["needs"]
    if need != "correct" and need not in records:
        raise ValueError(f"score {name!r} needs {need!r}, which was not recorded; recorded: {', '.join(map(str, records))}")
    values = records["prediction" if need == "correct" else need].values
    shown = {"shown": values != records.attrs["missing"]} if "shown" in inspect.signature(function).parameters else {}
    if need == "correct":
        # Compared in the small type of the predictions, which holds every label.
        values = values == records["given"].values.astype(values.dtype)
    return np.asarray(function(values, running=running, **shown, **spec.options))


def check_same_samples(records: "Sequence[xarray.Dataset]") -> None:
    """Raise ValueError if there are no records, or they are of other samples or labels, or `online` beside `eval` ones."""
    if not records:
        raise ValueError("records must be of at least one run, got none")
    for each in records:
        _check_records(each)
    first = records[0]
    for each in records[1:]:
        if each.attrs["record"] != first.attrs["record"]:
            raise ValueError(
                f"records must be all online or all eval, got {first.attrs['record']!r} and {each.attrs['record']!r}"
            )
        if not all(np.array_equal(each[name], first[name]) for name in ("sample", "given")):
            raise ValueError("records must be of the same samples with the same given labels, got other ones")


def _check_records(records: object) -> None:
    """Raise ValueError if `records` is something else, such as the folder that holds them."""
    if isinstance(records, str | PathLike) or not (hasattr(records, "attrs") or isinstance(records, Sequence)):
        path = repr(str(records))
        raise ValueError(f"records must be what load_dynamics(PATH) returns, got {path}; write load_dynamics({path})")
