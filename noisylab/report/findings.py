"""What a figure shows, in words, for those who do not see it."""

import math
from collections.abc import Sequence

import numpy as np
import pandas

from noisylab.analysis.display_names import DisplayNames

# The measures that a sentence tells; the first that a figure has.
TOLD = (
    *("difference", "mean_rank", "test_accuracy", "test_accuracy_last", "mislabelled_memorised", "average_precision", "auc"),
    *("confidence", "prediction_consistency", "consistency_clean", "forgetting_events", "wrong_events", "loss", "realised"),
)
# What a value is of, and the most values of a sentence.
KEYS, MOST = ("method", "baseline", "score", "group"), 8


def finding(numbers: pandas.DataFrame, noise: str, names: DisplayNames) -> str:
    """The main numbers of a figure in a sentence, empty if there are none: means at the last epoch, under `noise` if it is in.

    numbers: those of a `DrawnFigure`.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.display_names import DisplayNames
        >>> from noisylab.report.findings import finding
        >>> numbers = pandas.DataFrame({"method": ["ce", "ce", "dlb"], "epoch": [1, 2, 2], "test_accuracy": [0.2, 0.5, 0.75]})
        >>> finding(numbers, "symmetric:0.4", DisplayNames())
        'Test accuracy at the last epoch: CE 0.5; DLB 0.75.'
    """
    if {"true", "given"} <= set(numbers) and len(numbers):
        return _of_labels(numbers)
    if {"x", "y", "panel", "score", "method"} <= set(numbers):
        return _of_detection(numbers[numbers["panel"] == "ROC"], names)
    measure = next((name for name in TOLD if name in numbers and pandas.api.types.is_numeric_dtype(numbers[name])), None)
    if measure is None or numbers.empty:
        return ""
    rows, under = numbers[numbers[measure].notna()], ""
    if "noise" in rows and rows["noise"].nunique() > 1 and noise in set(rows["noise"]):
        rows, under = rows[rows["noise"] == noise], f" under {names.noise(noise)}"
    keys = [name for name in KEYS if name in rows and rows[name].notna().any()]
    at = ""
    if "epoch" in rows and rows["epoch"].notna().any():
        ends = rows.groupby(keys, dropna=False)["epoch"].transform("max") if keys else rows["epoch"].max()
        rows, at = rows[rows["epoch"] == ends], " at the last epoch"
    said = f"{measure.replace('_', ' ').capitalize()}{at}{under}"
    if not keys:
        return f"{said}: {rows[measure].min():.3g} to {rows[measure].max():.3g}."
    # A density stands at every value of a grid; what never ends (never learnt) has no mean.
    weights = rows["density"] if "density" in rows else pandas.Series(1.0, index=rows.index)
    finite = rows[measure].map(math.isfinite).astype(bool)
    told = rows.assign(_weight=weights, _value=rows[measure] * weights).loc[finite]
    sums = told.groupby(keys, sort=False, dropna=False)[["_value", "_weight"]].sum()
    means = (sums["_value"] / sums["_weight"]).dropna()
    values = [f"{_key(key, keys, names)} {value:.3g}" for key, value in list(means.items())[:MOST]]
    more = f"; {len(means) - MOST} more in the numbers" if len(means) > MOST else ""
    return f"{said}: {'; '.join(values)}{more}." if values else ""


def _of_labels(numbers: pandas.DataFrame) -> str:
    """What a figure of labels shows: the strongest confusion of a transition matrix, or how many samples are mislabelled."""
    wrong = numbers[numbers["true"] != numbers["given"]]
    if "realised" not in numbers:
        return f"{len(wrong)} of {len(numbers)} samples are mislabelled."
    if wrong["realised"].isna().all():
        return ""
    most = wrong.sort_values("realised", ascending=False, kind="stable").iloc[0]
    true, given = (most.get(f"{name}_name", most[name]) for name in ("true", "given"))
    return f"The most frequent confusion is {true} labelled as {given}: {most['realised']:.3g} of the samples of {true}."


def _of_detection(roc: pandas.DataFrame, names: DisplayNames) -> str:
    """The score of each method that tells mislabelled from clean samples best. roc: the points of the curves."""
    areas = {
        (str(method), str(score)): float(np.trapezoid(rows["y"], rows["x"]))
        for (method, score), rows in roc.groupby(["method", "score"], sort=False)
    }
    best: dict[str, str] = {}
    for (method, score), area in sorted(areas.items(), key=lambda item: -item[1]):
        best.setdefault(method, f"{names.method(method)} {score.replace('_', ' ')} {area:.3g}")
    told = [best[method] for method in dict.fromkeys(method for method, _ in areas)][:MOST]
    return f"Best area under the ROC curve: {'; '.join(told)}." if told else ""


def _key(key: object, keys: Sequence[str], names: DisplayNames) -> str:
    values = dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True))
    shown = [names.method(str(value)) if name in ("method", "baseline") else str(value) for name, value in values.items()]
    if "baseline" in values:
        shown[:2] = [f"{shown[0]} minus {shown[1]}"]
    return ", ".join(shown)
