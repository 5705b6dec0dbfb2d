"""`SCORES`: every per-sample score by name, from the records of one run or of many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noisylab.analysis._running import Values, after_each, check_epochs
from noisylab.analysis.scores.aum import aum
from noisylab.analysis.scores.consistency import (
    prediction_consistency,
    prediction_divergence,
    prediction_entropy,
    step_consistency,
)
from noisylab.analysis.scores.data_map import confidence, correctness, variability
from noisylab.analysis.scores.el2n import el2n
from noisylab.analysis.scores.forgetting import forgetting_events, learning_time, wrong_events
from noisylab.analysis.scores.loss_mixture import loss_mixture

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Score:
    """A score: `function(needed, running=...)`, float64[N] or [E, N]. high: whether mislabelled samples have the high values.

    needs: a variable of the records, over (epoch, sample), or "correct"; shown: whether the function takes `shown`.
    """

    function: Callable[..., Values]
    needs: str
    high: bool
    shown: bool = False


def current(values: NDArray[Any], *, running: bool = False) -> Values:
    """float64[N], the latest of each sample's values [E, N]; with `running` after each epoch, [E, N]."""
    array, there = check_epochs(values, "values")

    def latest() -> Any:
        value = np.zeros(array.shape[1])
        for now, present in zip(array, there, strict=True):
            value = np.where(present, now, value)
            yield value

    return after_each(latest(), there, running)


SCORES: Mapping[str, Score] = {
    "wrong_events": Score(wrong_events, "correct", high=True, shown=True),
    "aum": Score(aum, "margin", high=False),
    "confidence": Score(confidence, "p_given", high=False),
    "variability": Score(variability, "p_given", high=False),
    "correctness": Score(correctness, "correct", high=False, shown=True),
    "learning_time": Score(learning_time, "correct", high=True, shown=True),
    "forgetting_events": Score(forgetting_events, "correct", high=True, shown=True),
    "el2n": Score(el2n, "el2n", high=True),
    "loss": Score(current, "loss", high=True),
    "loss_mixture": Score(loss_mixture, "loss", high=False),
    "prediction_consistency": Score(prediction_consistency, "prediction", high=False, shown=True),
    "prediction_entropy": Score(prediction_entropy, "prediction", high=True, shown=True),
    "prediction_divergence": Score(prediction_divergence, "divergence", high=True),
    "step_consistency": Score(step_consistency, "agreement", high=False),
    "step_divergence": Score(prediction_divergence, "step_divergence", high=True),
}


def available(records: "xarray.Dataset") -> list[str]:
    """The names of the scores that these records allow: those whose variables were recorded, with any value."""

    def recorded(name: str) -> bool:
        if name == "agreement":
            return name in records and bool((records[name].values >= 0).any())
        # Where there is no second presentation, there is no divergence from it.
        return name in records and (name != "step_divergence" or bool(np.isfinite(records[name].values).any()))

    found = {need: need == "correct" or recorded(need) for need in {score.needs for score in SCORES.values()}}
    return [name for name, score in SCORES.items() if found[score.needs]]


def score(records: "xarray.Dataset | Sequence[xarray.Dataset]", name: str, *, running: bool = False) -> Values:
    """float64[N], the score `name` of `SCORES` for every sample of a run; of several runs of the same samples, the mean.

    records: as of `load_dynamics`. running: the score from the epochs up to each, float64[E, N]. Raises ValueError for an
    unknown name, for records that lack what the score needs, and for runs of other samples, labels or kind of record.
    """
    if name not in SCORES:
        raise ValueError(f"name must be one of {', '.join(SCORES)}, got {name!r}")
    if isinstance(records, Sequence):
        check_same_samples(records)
        return np.asarray(np.mean([score(each, name, running=running) for each in records], axis=0))
    wanted = SCORES[name]
    if wanted.needs == "correct":
        prediction, given = records["prediction"].values, records["given"].values
        shown = prediction != records.attrs["missing"]
        # Compared in the small type of the predictions, which holds every label.
        return wanted.function(prediction == given.astype(prediction.dtype), shown=shown, running=running)
    if wanted.needs not in records:
        raise ValueError(
            f"score {name!r} needs {wanted.needs!r}, which was not recorded; recorded: {', '.join(map(str, records))}"
        )
    values = records[wanted.needs].values
    if wanted.shown:
        return wanted.function(values, shown=values != records.attrs["missing"], running=running)
    return wanted.function(values, running=running)


def check_same_samples(records: "Sequence[xarray.Dataset]") -> None:
    """Raise ValueError where records are none, of other samples or labels, or `online` ones beside `eval` ones."""
    if not records:
        raise ValueError("records must be of at least one run, got none")
    first = records[0]
    for each in records[1:]:
        if each.attrs["record"] != first.attrs["record"]:
            raise ValueError(
                f"records must be all online or all eval, got {first.attrs['record']!r} and {each.attrs['record']!r}"
            )
        if not all(np.array_equal(each[name], first[name]) for name in ("sample", "given")):
            raise ValueError("records must be of the same samples with the same given labels, got other ones")
