"""Every per-sample score by name, from the records of one or several runs."""

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
    """The names of the scores that the records allow.

    Args:
        records: From `load_dynamics`.

    Returns:
        The scores whose variable was recorded with at least one value.

    Example:
        >>> from noisylab.analysis import available
        >>> from noisylab.recording import make_records
        >>> "aum" in available(make_records({"margin": [[1.0, -2.0]]}, given=[0, 1], record="online"))
        True
    """

    def recorded(name: str) -> bool:
        if name == "agreement":
            return name in records and bool((records[name].values >= 0).any())
        # Without second presentations the variable is empty.
        return name in records and (name != "step_divergence" or bool(np.isfinite(records[name].values).any()))

    needs = {name: entry.facts["needs"] for name, entry in SCORES.entries().items()}
    found = {need: need == "correct" or recorded(need) for need in set(needs.values())}
    return [name for name, need in needs.items() if found[need]]


def is_high(name: str) -> bool:
    """Whether mislabelled samples have high values of the score `name`."""
    return bool(SCORES.entries()[SCORES.parse(name).name].facts["high"])


def score(records: "xarray.Dataset | Sequence[xarray.Dataset]", name: str, *, running: bool = False) -> Values:
    """The score of every sample of a run, or its mean over several runs of the same samples.

    Args:
        records: From `load_dynamics`, of one run or of several.
        name: A registered score, with options if it has any: `"aum"`, `"el2n(first=2)"`.
        running: Whether to return the score from the epochs up to each.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Raises:
        ValueError: For an unknown name, records that lack the variable of the score, or runs with other samples, labels or kind
            of record.

    Example:
        >>> from noisylab.analysis import score
        >>> from noisylab.recording import make_records
        >>> score(make_records({"margin": [[1.0, -2.0]]}, given=[0, 1], record="online"), "aum").tolist()
        [1.0, -2.0]
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
        # Compared in the small type of the predictions, which can hold every label.
        values = values == records["given"].values.astype(values.dtype)
    return np.asarray(function(values, running=running, **shown, **spec.options))


def check_same_samples(records: "Sequence[xarray.Dataset]") -> None:
    """Raise ValueError if there are no records, or if they differ in samples, labels or kind of record."""
    if not records:
        raise ValueError("records must come from at least one run, got none")
    for each in records:
        _check_records(each)
    first = records[0]
    for each in records[1:]:
        if each.attrs["record"] != first.attrs["record"]:
            raise ValueError(
                f"records must be all online or all eval, got {first.attrs['record']!r} and {each.attrs['record']!r}"
            )
        if not all(np.array_equal(each[name], first[name]) for name in ("sample", "given")):
            raise ValueError("records must have the same samples with the same given labels, got others")


def _check_records(records: object) -> None:
    """Raise ValueError if `records` is something else, such as the path of the records."""
    if isinstance(records, str | PathLike) or not (hasattr(records, "attrs") or isinstance(records, Sequence)):
        path = repr(str(records))
        raise ValueError(f"records must be what load_dynamics(PATH) returns, got {path}; write load_dynamics({path})")
